/** One result of `kvfold bench`; null for what was not measured. */
export interface BenchRow {
  /** The SPEC as it was given. */
  readonly policy: string;
  /** Format that the layers' weights are held in. */
  readonly weights: string;
  /** Storage of the cache's entries. */
  readonly cache: string;
  /** Threads that compute; null where the backend does not say. */
  readonly threads: number | null;
  /** Tokens in the cache before each run. */
  readonly depth: number;
  /** Median of the repeats. */
  readonly prefillTokensPerSecond: number | null;
  /** Median of the repeats. */
  readonly decodeTokensPerSecond: number | null;
  /** (largest - smallest) / median of the repeats' speeds. */
  readonly spread: { readonly prefill: number | null; readonly decode: number | null };
  /** Entries, bytes and ratio at the end of a decode run; of a prefill run where nothing was decoded. */
  readonly entries: number;
  readonly liveBytes: number;
  readonly compressionRatio: number;
}
