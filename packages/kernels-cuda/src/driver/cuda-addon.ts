/** An engine as the addon knows it. */
export interface EngineHandle {
  readonly kvfoldEngine: unique symbol;
}

/** A driver library as the addon found it. */
export interface OpenedDriver {
  /** CUDA version that the driver speaks, 1000 times the major one plus 10 times the minor one. */
  readonly version?: number;
  readonly devices?: number;
  /** What is missing: the library, a function of it, or the success of its first calls. */
  readonly problem?: "library" | "symbol" | "call";
  /** The loader's message, or the name of the function. */
  readonly detail?: string;
  /** With `problem: "call"`: the call that failed. */
  readonly error?: DriverCallError;
}

/** What the addon throws when a driver call fails. */
export interface DriverCallError extends Error {
  /** The driver's function. */
  readonly call: string;
  /** Its result code. */
  readonly result: number;
}

/** A device as the driver describes it. */
export interface DeviceDescription {
  readonly name: string;
  /** `GPU-` and 32 digits in groups, as nvidia-smi prints it. */
  readonly uuid: string;
  /** Compute capability. */
  readonly major: number;
  readonly minor: number;
  readonly multiprocessors: number;
  /** Most shared memory of a block. */
  readonly sharedBytes: number;
  /** Shared memory of a multiprocessor. */
  readonly sharedEach: number;
  readonly l2Bytes: number;
  readonly memoryBytes: number;
}

type Bytes = Float32Array | Int32Array | Uint8Array | Uint16Array;

/** Entry points of the addon. Addresses are numbers below 2^53; modules, kernels, graphs and events are numbers of an engine. */
export interface CudaAddon {
  openDriver(path: string): OpenedDriver;
  describeDevice(path: string, ordinal: number): DeviceDescription;
  engineOpen(path: string, ordinal: number): EngineHandle;
  engineDispose(engine: EngineHandle): void;
  moduleLoad(engine: EngineHandle, image: Uint8Array): number;
  kernelGet(engine: EngineHandle, module: number, name: string): number;
  kernelDescribe(
    engine: EngineHandle,
    kernel: number,
  ): {
    readonly registers: number;
    readonly localBytes: number;
    readonly sharedBytes: number;
    readonly maxThreads: number;
  };
  kernelAllowShared(engine: EngineHandle, kernel: number, bytes: number): void;
  launch(
    engine: EngineHandle,
    kernel: number,
    args: Uint8Array,
    argBytes: number,
    gridX: number,
    gridY: number,
    gridZ: number,
    blockX: number,
    blockY: number,
    blockZ: number,
    sharedBytes: number,
  ): void;
  synchronize(engine: EngineHandle): void;
  memoryAlloc(engine: EngineHandle, bytes: number): number;
  memoryFree(engine: EngineHandle, address: number): void;
  memoryInfo(engine: EngineHandle): { readonly free: number; readonly total: number };
  upload(engine: EngineHandle, to: number, from: Bytes): void;
  download(engine: EngineHandle, from: number, to: Bytes): void;
  downloadAsync(engine: EngineHandle, from: number, bytes: number): Promise<ArrayBuffer>;
  copy(engine: EngineHandle, to: number, from: number, bytes: number): void;
  fillWords(engine: EngineHandle, to: number, word: number, count: number): void;
  fillBytes(engine: EngineHandle, to: number, byte: number, count: number): void;
  captureBegin(engine: EngineHandle): void;
  /** Ends a recording; `keep` 0 throws it away. */
  captureEnd(engine: EngineHandle, keep: 0 | 1): number | undefined;
  graphLaunch(engine: EngineHandle, graph: number): void;
  graphDispose(engine: EngineHandle, graph: number): void;
  eventRecord(engine: EngineHandle): number;
  /** Milliseconds between two events, which are gone afterwards. */
  eventsElapsed(engine: EngineHandle, start: number, end: number): number;
  /** `version` as the library counts, or `detail`, why it is of no use. */
  openBlas(path: string): { readonly version?: number; readonly detail?: string };
  blasUse(engine: EngineHandle, path: string): void;
  /** Type 0 float32, 1 bfloat16; undefined when the library has no way to make this product. */
  blasPlan(
    engine: EngineHandle,
    type: number,
    m: number,
    n: number,
    k: number,
    transposeA: number,
    transposeB: number,
    strideA: number,
    strideB: number,
    batch: number,
    batchA: number,
    batchB: number,
    workspaceBytes: number,
  ): BlasPlan | undefined;
  blasRun(engine: EngineHandle, plan: number, a: number, b: number, out: number, workspace: number): void;
  planGemm(m: number, n: number, k: number, batch: number, multiprocessors: number): GemmPlan;
  planDecodeAttention(
    codec: number,
    dims: number,
    lanes: number,
    passes: number,
    multiprocessors: number,
    sharedPerBlock: number,
    sharedPerMultiprocessor: number,
  ): DecodePlan;
  planPrefill(codec: number, dims: number): { readonly rows: number; readonly sharedBytes: number };
  headPasses(codec: number, group: number): number;
  entryLayout(
    codec: number,
    headDim: number,
    pageSlots: number,
    columns: number,
    positionColumn: number,
    untilColumn: number,
    ringRows: number,
  ): readonly number[];
  blockParts(format: number): BlockParts;
  planRmsNorm(rows: number, dim: number): { readonly threads: number; readonly stretches: number };
}

/** What the addon throws when a call of cuBLASLt fails. */
export interface BlasCallError extends Error {
  /** The library's function. */
  readonly blasCall: string;
  readonly status: number;
}

/** A way to make a product, under its number. */
export interface BlasPlan {
  readonly plan: number;
  readonly workspaceBytes: number;
}

/** How a product on tensor cores is cut. */
export interface GemmPlan {
  readonly tile: "large" | "small";
  readonly tiles: number;
  /** Parts of the shared dimension. */
  readonly splits: number;
  readonly block: number;
  readonly sharedBytes: number;
  readonly partialFloats: number;
}

/** How blocks of a packed format are taken apart. */
export interface BlockParts {
  /** Values and bytes of a block. */
  readonly values: number;
  readonly bytes: number;
  /** Offset and bytes of each part, one after the other. */
  readonly parts: readonly number[];
}

/** Launches of decode attention and of what joins its partial results. */
export interface DecodePlan {
  readonly grid: number;
  readonly block: number;
  readonly sharedBytes: number;
  readonly warps: number;
  readonly mergeGrid: number;
  readonly partialFloats: number;
}
