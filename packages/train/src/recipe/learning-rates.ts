/** Peak learning rates by the size of the model, the first row whose limit holds. */
const ROWS: readonly { readonly below: number; readonly fresh: number; readonly continued: number }[] = [
  // continued: measured with 4.3M weights; fresh: of the size
  { below: 1e8, fresh: 1e-3, continued: 1e-3 },
  // fresh: GPT-3's table for 125M (Brown et al. 2020); continued: between its neighbours, not measured
  { below: 1e9, fresh: 6e-4, continued: 3e-4 },
  // Llama's 7B and 13B; DMC's 7B and 13B (the last rate of their pre-training)
  { below: 3e10, fresh: 3e-4, continued: 3e-5 },
  // Llama's 65B; DMC's 70B
  { below: Number.POSITIVE_INFINITY, fresh: 1.5e-4, continued: 1.5e-5 },
];

/**
 * AdamW's peak learning rate where a recipe states none.
 *
 * @param parameters weights of the model; undefined: not known, taken for a small one
 * @param fresh true for a new model, false for one that is trained on
 */
export function adamwLearningRate(parameters = 0, fresh = false): number {
  const row = ROWS.find(({ below }) => parameters < below) as (typeof ROWS)[number];
  return fresh ? row.fresh : row.continued;
}

/** Muon's, likewise: of the reference run that made a 4.3M model, and of the retrofit measured on it. */
export function muonLearningRate(fresh: boolean): number {
  return fresh ? 0.02 : 0.004;
}
