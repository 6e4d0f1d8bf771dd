/** One row of a batch, views of its arrays; each of the row's length. */
export interface BatchRow {
  readonly tokens: Int32Array;
  readonly labels: Int32Array;
  readonly documents: Int32Array;
}

/** Label of a token that is not scored. */
export const UNSCORED = -1;

/**
 * Fills a row that reads on from token to token: labels are the next tokens, and every begin token opens a document. The last
 * token of a document has no label.
 *
 * @param window the row's tokens and the one after them, `[length + 1]`
 */
export function fillRow(row: BatchRow, window: Int32Array, beginId: number): void {
  const { length } = row.tokens;
  row.tokens.set(window.subarray(0, length));
  let document = 0;
  for (let i = 0; i < length; i++) {
    if (i > 0 && window[i] === beginId) document++;
    row.documents[i] = document;
    const next = window[i + 1] as number;
    row.labels[i] = next === beginId ? UNSCORED : next;
  }
}
