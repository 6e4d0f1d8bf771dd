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
export interface NativeAddon extends SystemEntries, MatrixEntries {}

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

/** `native/entries/matrix-entries.cc` */
export interface MatrixEntries {
  /** 0 for float32, else digits of base 255; see `native/kernels/coded-x.h`. */
  setActivationDigits(digits: number): void;
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
  /** `format` is the index in `weightFormats`. */
  packedLinear(
    format: number,
    weights: Uint8Array,
    bias: Float32Array | undefined,
    outputs: number,
    inputs: number,
    x: Float32Array,
    rows: number,
    y: Float32Array,
  ): void;
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
