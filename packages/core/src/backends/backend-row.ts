/** Settings of a backend. They hold for the whole process. */
export interface BackendSettings {
  /** Threads that compute. */
  readonly threads?: number | undefined;
  /**
   * Precision of activations in products with packed weights. `float32` to rounding; `int16` and `int8` round them to
   * 1/65,000 and 1/254 of the largest of their neighbours and are faster. llama.cpp rounds as `int8` does.
   */
  readonly activations?: ActivationPrecision | undefined;
  /**
   * Precision of products of two float32 matrices (`tf.matMul`). `float32` to rounding; `bf16` may round the operands to
   * bfloat16, with sums in float32, and is faster: what PyTorch's CPU autocast gives in training.
   */
  readonly matmulPrecision?: MatmulPrecision | undefined;
  /** Device that computes: its number, or the start of its UUID. */
  readonly device?: number | string | undefined;
}

/** See {@link BackendSettings.activations}. */
export type ActivationPrecision = "float32" | "int16" | "int8";

/** See {@link BackendSettings.matmulPrecision}. */
export type MatmulPrecision = "float32" | "bf16";

/** What is known of a backend that this machine can run. */
export interface LoadedBackend {
  /** npm package that provides the backend. */
  readonly package: string;
  /** Version of that package. */
  readonly version: string;
  /** What it uses here, for example `"SIMD, 1 thread"` or `"GPU"`. */
  readonly detail: string;
  /** Threads that compute, the calling one included; absent where the backend does not say. */
  readonly threads?: number;
}

/** Why a backend cannot run here, as the end of a sentence: `"not installed (npm install ...)"`. */
export interface MissingBackend {
  readonly reason: string;
}

/**
 * One row of the backend table. A new backend plugs in by one row; see `backend-table.ts`.
 */
export interface BackendRow {
  /** Name under which the backend registers itself with TensorFlow.js (no underscore). */
  readonly name: string;
  /** Which of {@link BackendSettings} `load` applies. Default none. */
  readonly settings?: readonly (keyof BackendSettings)[];
  /**
   * Imports the backend's package, so that the backend is registered with TensorFlow.js under `name`. Never throws:
   * a backend that cannot run here gives the reason.
   */
  readonly load: (settings: BackendSettings) => Promise<LoadedBackend | MissingBackend>;
}
