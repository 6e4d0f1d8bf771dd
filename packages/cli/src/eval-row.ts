import type { RecallResult, TextResult } from "@kvfold/eval";

/** One result of `kvfold eval --json`; null for what was not measured. */
export interface EvalRow {
  /** The SPEC as it was given. */
  readonly policy: string;
  readonly perplexity: number | null;
  readonly kld: number | null;
  readonly top1Agreement: number | null;
  readonly recall: number | null;
  readonly tokens: number;
  readonly entries: number;
  readonly compressionRatio: number;
  readonly byteRatio: number;
  readonly liveBytes: number;
  readonly tokensPerSecond: number;
}

/** Tokens, bytes and speed are the text's; those of the recall tasks when there was no text. */
export function evalRow(spec: string, text: TextResult | undefined, recall: RecallResult | undefined): EvalRow {
  const measured = text ?? recall;
  if (measured === undefined) throw new Error("evalRow: nothing was measured");
  const { tokens, entries, compressionRatio, byteRatio, liveBytes, tokensPerSecond } = measured;
  return {
    policy: spec,
    perplexity: text?.perplexity ?? null,
    kld: text?.kld ?? null,
    top1Agreement: text?.top1Agreement ?? null,
    recall: recall?.recall ?? null,
    tokens,
    entries,
    compressionRatio,
    byteRatio,
    liveBytes,
    tokensPerSecond,
  };
}
