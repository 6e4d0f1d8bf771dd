import type { StoreEntries } from "./store/store-entries.js";

/** Instruction sets for which the kernels are compiled; each includes the ones before it on its architecture. */
export const instructionSets = ["scalar", "avx2", "avx512", "avx512vnni", "amx", "neon"] as const;

/** `scalar` runs everywhere; `amx` is AVX-512 with VNNI, BF16 and matrix tiles. */
export type InstructionSet = (typeof instructionSets)[number];

/** What the addon says about the machine and its own settings. */
export interface AddonDescription {
  /** Instruction set in use. */
  readonly instructionSet: InstructionSet;
  /** Instruction sets that this machine runs. */
  readonly supported: readonly InstructionSet[];
  /** Threads in use, the calling one included. */
  readonly threads: number;
  /** Physical cores that this process may run on. */
  readonly cores: number;
}

/**
 * The addon's entry points as they are: arguments are checked for type and memory bounds only (TypeError, RangeError),
 * shapes are the caller's business. One interface for each file of `native/entries`.
 */
export interface NativeAddon
  extends SystemEntries,
    MatrixEntries,
    DecoderEntries,
    RecordingEntries,
    ElementwiseEntries,
    MoveEntries,
    RowEntries,
    TrainingEntries,
    StoreEntries {}

/** `native/entries/system-entries.cc` */
export interface SystemEntries {
  describe(): AddonDescription;
  setThreads(threads: number): void;
  setInstructionSet(name: string): boolean;
  /** Pooled memory of a whole size class, not cleared; undefined when the runtime allows no external memory. */
  allocate(bytes: number): ArrayBuffer | undefined;
  classBytes(bytes: number): number;
  memoryFigures(): { usedBytes: number; idleBytes: number; allocations: number };
  trimMemory(): void;
  /** A string says why it failed; undefined means an empty file. */
  mapFile(path: string): ArrayBuffer | string | undefined;
  /** Releases the memory of an external ArrayBuffer at once; its views become empty. */
  detach(buffer: ArrayBuffer): void;
}

/** A recorded step of the addon. */
export type RecordingHandle = object & { readonly kind?: "recording" };

/** `native/entries/recording-entries.cc` */
export interface RecordingEntries {
  recordBegin(): void;
  /** Undefined when it is not to be kept, or a call of it was of a kind that cannot be replayed. */
  recordEnd(keep: boolean): RecordingHandle | undefined;
  /** Calls from now on are not recorded, until {@link recordResume} is given the result. */
  recordPause(): RecordingHandle;
  recordResume(recording: RecordingHandle): void;
  /**
   * Runs calls from the one with number `first` on, until `milliseconds` have passed.
   * @returns the number of the next call; 0 when all are done
   */
  recordReplay(recording: RecordingHandle, first: number, milliseconds: number): number;
  recordDispose(recording: RecordingHandle): void;
}

/** A layer with packed weights; `format` is the index in `weightFormats`. */
export type PackedLayerArgs = [format: number, weights: Uint8Array, bias: Float32Array | undefined, outputs: number];

/** A layer with packed weights and where its product goes. */
export type PackedProductArgs = [...PackedLayerArgs, y: Float32Array];

/** `native/entries/decoder-entries.cc` */
export interface DecoderEntries {
  /** `layers` are one to three of `PackedProductArgs`, one after the other. */
  normLinears(
    x: Float32Array,
    rows: number,
    inputs: number,
    norm: Float32Array,
    offset: number,
    epsilon: number,
    normed: Float32Array,
    count: number,
    ...layers: PackedProductArgs[number][]
  ): void;
  linearOnto(
    x: Float32Array,
    rows: number,
    inputs: number,
    ...layer: [...PackedLayerArgs, residual: Float32Array, y: Float32Array]
  ): void;
  /** Gate, up and down; with a norm's weight `y = x + mlp(norm(x))`. */
  gatedMlp(
    x: Float32Array,
    rows: number,
    dim: number,
    norm: Float32Array | undefined,
    offset: number,
    epsilon: number,
    activation: number,
    ...layers: [...PackedLayerArgs, ...PackedLayerArgs, ...PackedLayerArgs, y: Float32Array]
  ): void;
}

/** `native/entries/matrix-entries.cc` */
export interface MatrixEntries {
  /** 0 for float32, else digits of base 255; see `native/kernels/coded-x.h`. */
  setActivationDigits(digits: number): void;
  /** By its place in `MatmulPrecision` of `native/matrix/gemm-f32.h`. */
  setMatmulPrecision(precision: number): void;
  /** `weight` is `[inputs, outputs]`. */
  denseLinear(
    x: Float32Array,
    rows: number,
    weight: Float32Array,
    inputs: number,
    outputs: number,
    bias: Float32Array | undefined,
    y: Float32Array,
  ): void;
  packedLinear(...call: [...PackedLayerArgs, inputs: number, x: Float32Array, rows: number, y: Float32Array]): void;
  matmulF32(
    a: Float32Array,
    b: Float32Array,
    out: Float32Array,
    batch: number,
    m: number,
    n: number,
    k: number,
    transposeA: boolean,
    transposeB: boolean,
    aStep: number,
    bStep: number,
  ): void;
}

/** Memory of a tensor's elements. */
export type Elements = Float32Array | Int32Array | Uint8Array;

/**
 * `native/entries/elementwise-entries.cc`. Operations are numbers: their places in the lists beside the kernels. A walk,
 * `(plan, rank)`, comes from `src/walk.ts`; its distances are those of a and b.
 */
export interface ElementwiseEntries {
  /** `p` and `q` are clip's bounds, or the slope or level of leakyRelu and step. `out` may be `x`. */
  unary(op: number, x: Float32Array, out: Float32Array, p: number, q: number): void;
  gatedActivation(activation: number, gate: Float32Array, up: Float32Array, out: Float32Array): void;
  gatedActivationGradient(
    activation: number,
    gate: Float32Array,
    up: Float32Array,
    dy: Float32Array,
    dGate: Float32Array,
    dUp: Float32Array,
  ): void;
  arithmetic(op: number, a: Float32Array, b: Float32Array, out: Float32Array, plan: Int32Array, rank: number): void;
  arithmeticInts(op: number, a: Int32Array, b: Int32Array, out: Int32Array, plan: Int32Array, rank: number): void;
  compare(op: number, a: Float32Array, b: Float32Array, out: Uint8Array, plan: Int32Array, rank: number): void;
  compareInts(op: number, a: Int32Array, b: Int32Array, out: Uint8Array, plan: Int32Array, rank: number): void;
  logical(op: number, a: Uint8Array, b: Uint8Array, out: Uint8Array, plan: Int32Array, rank: number): void;
  /** Elements of 4 bytes. */
  select(condition: Uint8Array, yes: Elements, no: Elements, out: Elements): void;
  intsToFloats(x: Int32Array, out: Float32Array): void;
  bytesToFloats(x: Uint8Array, out: Float32Array): void;
  bytesToInts(x: Uint8Array, out: Int32Array): void;
  floatsToInts(x: Float32Array, out: Int32Array): void;
}

/** `native/entries/move-entries.cc` */
export interface MoveEntries {
  /** The walk's distances are those of x and y, from elements `xFirst` and `yFirst`. */
  stridedCopy(x: Elements, xFirst: number, y: Elements, yFirst: number, plan: Int32Array, rank: number): void;
  /**
   * x `[batch, outer, axis, inner]`, ids `[batch, n]`, out `[batch, outer, n, inner]`.
   *
   * @returns the first id outside `[0, axis)`; undefined when there is none and the rows are copied
   */
  gather(
    x: Elements,
    ids: Int32Array,
    out: Elements,
    batch: number,
    outer: number,
    axis: number,
    inner: number,
  ): number | undefined;
}

/** `native/entries/row-entries.cc` */
export interface RowEntries {
  /** x `[outer, n, inner]`, out `[outer, inner]`. */
  reduce(op: number, x: Float32Array, outer: number, n: number, inner: number, out: Float32Array): void;
  argBest(largest: boolean, x: Float32Array, rows: number, n: number, out: Int32Array): void;
  softmax(x: Float32Array, rows: number, n: number, out: Float32Array): void;
  crossEntropy(
    logits: Float32Array,
    labels: Int32Array,
    weights: Float32Array | undefined,
    rows: number,
    n: number,
    out: Float32Array,
  ): void;
  crossEntropyGradient(
    logits: Float32Array,
    labels: Int32Array,
    weights: Float32Array | undefined,
    dy: Float32Array,
    rows: number,
    n: number,
    out: Float32Array,
  ): void;
  divergence(from: Float32Array, to: Float32Array, rows: number, n: number, out: Float32Array): void;
  divergenceGradient(
    byFrom: boolean,
    from: Float32Array,
    to: Float32Array,
    dy: Float32Array,
    rows: number,
    n: number,
    out: Float32Array,
  ): void;
  rmsNorm(x: Float32Array, weight: Float32Array, offset: number, epsilon: number, rows: number, y: Float32Array): void;
  rmsNormGradient(
    x: Float32Array,
    weight: Float32Array,
    offset: number,
    epsilon: number,
    dy: Float32Array,
    rows: number,
    dx: Float32Array,
    dWeight: Float32Array,
  ): void;
  /** x and y `[batch, heads, tokens, dim]`; cos and sin `[tokens, half]` for each batch, `batchStep` apart. */
  rope(
    x: Float32Array,
    cos: Float32Array,
    sin: Float32Array,
    batch: number,
    heads: number,
    tokens: number,
    dim: number,
    half: number,
    batchStep: number,
    y: Float32Array,
  ): void;
  adamW(
    param: Float32Array,
    grad: Float32Array,
    m: Float32Array,
    v: Float32Array,
    nextParam: Float32Array,
    nextM: Float32Array,
    nextV: Float32Array,
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    weightDecay: number,
    step: number,
  ): void;
  /** out `[size, dim]`; ids outside `[0, size)` are passed over. */
  scatterAddRows(rows: Float32Array, ids: Int32Array, dim: number, size: number, out: Float32Array): void;
}

/** Where column attention is done: q, k, v, bias, starts, then the shape. */
export type ColumnAttentionArgs = [
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  bias: Float32Array | undefined,
  starts: Int32Array | undefined,
  rows: number,
  kvHeads: number,
  group: number,
  tokens: number,
  headDim: number,
  scale: number,
  window: number,
  biasDelay: number,
];

/** What DMC's averages are made of: items `[lanes, tokens, dim]`, alpha and omega `[lanes, tokens]`. */
export type DmcPoolArgs = [
  items: Float32Array,
  alpha: Float32Array,
  omega: Float32Array,
  lanes: number,
  tokens: number,
  dim: number,
  window: number,
];

/** `native/entries/training-entries.cc` */
export interface TrainingEntries {
  columnAttention(...call: [...ColumnAttentionArgs, out: Float32Array, lse: Float32Array]): void;
  columnAttentionGradient(
    ...call: [
      ...ColumnAttentionArgs,
      out: Float32Array,
      lse: Float32Array,
      dOut: Float32Array,
      dLse: Float32Array,
      dq: Float32Array,
      dk: Float32Array,
      dv: Float32Array,
      dBias: Float32Array | undefined,
    ]
  ): void;
  dmcPool(...call: [...DmcPoolArgs, pooled: Float32Array, z: Float32Array]): void;
  dmcPoolGradient(
    ...call: [
      ...DmcPoolArgs,
      dPooled: Float32Array,
      dZ: Float32Array,
      dItems: Float32Array,
      dAlpha: Float32Array,
      dOmega: Float32Array,
    ]
  ): void;
}
