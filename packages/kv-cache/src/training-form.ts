import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from "@tensorflow/tfjs-core";

/** What a training form gets: whole documents at once, nothing rotated, nothing blanked. */
export interface TrainingTokens {
  /** `[rows, queryHeads, tokens, headDim]` */
  readonly q: Tensor4D;
  /** `[rows, kvHeads, tokens, headDim]` */
  readonly k: Tensor4D;
  /** `[rows, kvHeads, tokens, headDim]` */
  readonly v: Tensor4D;
  /** The layer's input before its norm, `[rows, tokens, hidden]`. */
  readonly input?: Tensor | undefined;
  /** int32 `[rows, tokens]`: logical positions. */
  readonly positions: Tensor2D;
  /** int32 `[rows, tokens]`: document of each token; nothing merges or attends across documents. */
  readonly documents: Tensor2D;
  /** Seed of the run's noise. */
  readonly seed: number;
  /** Optimiser step, from 0. */
  readonly step: number;
  /**
   * Index within the step of the first row. Noise is a function of seed, step, layer and sequence, so decisions do not
   * depend on how a step is cut into parts, nor on where a run was resumed.
   */
  readonly sequence: number;
}

/** What attention needs of a training form: one state a token; each query sees its own and those before it. */
export interface TrainingView {
  readonly q: Tensor4D;
  /** State after each token `[rows, kvHeads, tokens, headDim]`, not rotated. */
  readonly k: Tensor4D;
  readonly v: Tensor4D;
  /**
   * Added to the scores of state j for queries more than {@link biasDelay} behind it, `[rows, kvHeads, tokens]`
   * (DMC: log(1 - alpha_{j+1})).
   */
  readonly columnBias?: Tensor3D;
  /** Tokens for which a state is seen without its bias, after its own. Default 0: only its own query. */
  readonly biasDelay?: number;
  /** Values for the loss, given to the caller's context: decisions, logits. */
  readonly auxiliary: Readonly<Record<string, Tensor>>;
}

/** Pure and differentiable: (q, k, v, positions, documents, seed, step, sequence) → (q, k, v, column bias, auxiliary values). */
export type TrainingForm = (tokens: TrainingTokens) => TrainingView;
