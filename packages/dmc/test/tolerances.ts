/** How far a float32 result may lie from an expected value: the larger of the two bounds counts. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/** The table "Suggested tolerances for a float32 implementation" of the goldens' README. */
export const tolerances = {
  /** Pooled keys and values, attention outputs. */
  states: { absolute: 5e-6, relative: 1e-5 },
  /** Soft alpha, omega. */
  decisions: { absolute: 1e-6, relative: 1e-5 },
  /** Noisy logits, which reach about 100. */
  logits: { absolute: 1e-5, relative: 1e-6 },
  /** Those of an adapter, ours: rounding of sums of 32 products, about 1e-7, is scaled by 100 and divided by tau = 0.1. */
  adapterLogits: { absolute: 1e-4, relative: 1e-6 },
} as const satisfies Record<string, Tolerance>;

/** Gradients of pooling and attention: a fraction of the largest entry of the tensor. */
export const gradientFraction = 1e-5;
