import { columnAttention, KvfoldError, type Rope } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { BorrowedChannel, LayerPolicy } from "./policy.js";
import { rotateAndBlank } from "./reference-store/rotate-and-blank.js";

/** One call of {@link trainingAttention}: whole rows of one or more documents. Nothing is rotated or blanked yet. */
export interface TrainingCall {
  /** `[rows, queryHeads, tokens, headDim]` */
  readonly q: tf.Tensor4D;
  /** `[rows, kvHeads, tokens, headDim]` */
  readonly k: tf.Tensor4D;
  /** `[rows, kvHeads, tokens, headDim]` */
  readonly v: tf.Tensor4D;
  /** The layer's input before its norm, `[rows, tokens, hidden]`; only policies with own weights read it. */
  readonly input?: tf.Tensor;
  /** Rotary embedding; leave out for layers without positions. */
  readonly rope?: Rope;
  /** Multiplies scores. Default 1 / sqrt(headDim). */
  readonly scale?: number;
  /** Sliding window of the model: keys at distance >= window are hidden. Default: none. */
  readonly window?: number;
  /** Channel that a retrofitted model gave away. Default: what the policy borrows, if any. */
  readonly borrowed?: BorrowedChannel;
  /**
   * The borrowed channel is multiplied by this before and after rotation, 0 to 1. Default 0: blanked. The first stage of
   * a retrofit lowers it from 1, under the policy that keeps every token.
   */
  readonly borrowedFactor?: number;
  /** Number of each token's document, `rows * tokens`, runs of equal numbers. Default: each row is one document. */
  readonly documents?: Int32Array;
  /** Seed of the run's noise. Default 0. */
  readonly seed?: number;
  /** Optimiser step, from 0. Default 0. */
  readonly step?: number;
  /** Index within the step of the first row. Default 0. */
  readonly sequence?: number;
}

/** What {@link trainingAttention} returns. */
export interface TrainingAttended {
  /** `[rows, queryHeads, tokens, headDim]` */
  readonly out: tf.Tensor4D;
  /** The policy's values for the loss (decisions, logits); the caller owns them. */
  readonly auxiliary: Readonly<Record<string, tf.Tensor>>;
}

/**
 * Attention in a policy's training form: all tokens at once, no cache, differentiable in q, k and v. With hard decisions
 * it gives what decoding over the compacted cache gives. Positions count from 0 in every document, and nothing is seen
 * or merged across documents. Backends without a fast form need tokens squared numbers for each lane's scores.
 *
 * @throws KvfoldError `policy-not-trainable` when the policy has no training form
 */
export function trainingAttention(policy: LayerPolicy, call: TrainingCall): TrainingAttended {
  if (policy.training === undefined) {
    throw new KvfoldError(
      "policy-not-trainable",
      "This policy has no training form, so no gradient passes through it; full, dmc and dms have one.",
    );
  }
  const [rows, queryHeads, tokens, headDim] = call.q.shape;
  const kvHeads = call.k.shape[1];
  const documents = call.documents ?? new Int32Array(rows * tokens);
  const { positions, starts } = documentSpans(documents, tokens);
  const asTensor = (values: Int32Array) => tf.tensor2d(values, [rows, tokens], "int32");
  const view = policy.training({
    q: call.q,
    k: call.k,
    v: call.v,
    input: call.input,
    positions: asTensor(positions),
    documents: asTensor(documents),
    seed: call.seed ?? 0,
    step: call.step ?? 0,
    sequence: call.sequence ?? 0,
  });
  const turn = (x: tf.Tensor4D, part: "queries" | "keys") =>
    rotateAndBlank(x, {
      rope: call.rope,
      positions,
      length: tokens,
      borrowed: call.borrowed ?? policy.traits.borrowed,
      ...(call.borrowedFactor === undefined ? {} : { factor: call.borrowedFactor }),
      part,
      group: queryHeads / kvHeads,
    });
  const [out] = columnAttention(
    {
      q: turn(view.q, "queries"),
      k: turn(view.k, "keys"),
      v: view.v,
      columnBias: view.columnBias,
      starts: asTensor(starts),
    },
    { scale: call.scale ?? 1 / Math.sqrt(headDim), window: call.window, biasDelay: view.biasDelay },
  );
  return { out: out as tf.Tensor4D, auxiliary: view.auxiliary };
}

/** Position of each token in its document, and the index in its row at which its document starts. */
function documentSpans(documents: Int32Array, tokens: number): { positions: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(documents.length);
  documents.forEach((document, at) => {
    const continues = at % tokens > 0 && documents[at - 1] === document;
    starts[at] = continues ? (starts[at - 1] as number) : at % tokens;
  });
  return { positions: starts.map((start, at) => (at % tokens) - start), starts };
}
