/** What a file of tokens says of itself. */
export interface TokenizedShard {
  readonly bits: number;
  /** Tokens in the file. */
  readonly length: number;
  readonly documents: number;
}

interface TokenizeOptions {
  readonly field: string | undefined;
  readonly normalizeBlanks: boolean | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
}

type TokenizeFiles = (
  files: readonly string[],
  tokenizerFolder: string,
  output: string,
  options: TokenizeOptions,
) => Promise<TokenizedShard>;

/** The one place where the command meets the tokenizing of files. */
export async function tokenize(...given: Parameters<TokenizeFiles>): Promise<TokenizedShard> {
  const { tokenizeFiles } = (await import("@kvfold/train")) as { readonly tokenizeFiles?: TokenizeFiles };
  if (tokenizeFiles !== undefined) return tokenizeFiles(...given);
  const { KvfoldError } = await import("@kvfold/core");
  throw new KvfoldError("train-missing", "This build of @kvfold/train cannot tokenize files; update it.");
}
