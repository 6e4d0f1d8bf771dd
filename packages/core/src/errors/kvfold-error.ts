const marker = Symbol.for("kvfold.error");

/**
 * Base of every error that kvfold raises on purpose. The message names the remedy and what was available.
 *
 * Use {@link KvfoldError.isInstance} instead of `instanceof`: it holds when two copies of a package are loaded.
 */
export class KvfoldError extends Error {
  readonly [marker] = true;
  /** Stable, machine-readable kind, for example `"safetensors-malformed"`. */
  readonly code: string;

  /**
   * @param code stable kind of the error, kebab-case
   * @param message full sentence: what is wrong, what would be right, what was available
   */
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "KvfoldError";
    this.code = code;
  }

  /** True for any KvfoldError, also one made by another copy of this package. */
  static isInstance(error: unknown): error is KvfoldError {
    return typeof error === "object" && error !== null && (error as Record<symbol, unknown>)[marker] === true;
  }
}
