/** A vocabulary entry of a SentencePiece BPE model. */
export interface ScoredToken {
  readonly token: string;
  /** Higher merges first. */
  readonly score: number;
}

/** Pieces longer than this are not split into merges; the cost is quadratic in the length. */
const MAX_PIECE_LENGTH = 512;

/**
 * The merge list that a SentencePiece BPE vocabulary implies: every way to cut a piece into two pieces of the vocabulary,
 * best score first. Among the cuts of one piece the longer left part goes first. This is the rule by which the
 * `tokenizer.json` files of Llama 2 were made; SentencePiece itself merges equal scores from left to right, which differs only
 * where two cuts of the same piece compete.
 *
 * @returns pairs joined by a space, as `tokenizer.json` lists them
 */
export function sentencePieceMerges(tokens: readonly ScoredToken[]): string[] {
  const known = new Set(tokens.map((entry) => entry.token));
  const merges: { left: string; right: string; score: number }[] = [];
  for (const { token, score } of tokens) {
    if (token.length > MAX_PIECE_LENGTH || token.includes(" ")) continue;
    for (let cut = 1; cut < token.length; cut++) {
      const left = token.slice(0, cut);
      const right = token.slice(cut);
      if (known.has(left) && known.has(right)) merges.push({ left, right, score });
    }
  }
  merges.sort((a, b) => b.score - a.score || b.left.length - a.left.length || b.right.length - a.right.length);
  return merges.map(({ left, right }) => `${left} ${right}`);
}
