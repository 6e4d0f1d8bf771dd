import { KvfoldError, type Rope, raggedAttention } from "@kvfold/core";
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
  /** The layer's input `[rows, tokens, hidden]`; only policies with own weights read it. */
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
 * or merged across documents. Needs tokens squared numbers for each lane's scores.
 *
 * @throws KvfoldError `policy-not-trainable` when the policy has no training form
 */
export function trainingAttention(policy: LayerPolicy, call: TrainingCall): TrainingAttended {
  if (policy.training === undefined) {
    throw new KvfoldError(
      "policy-not-trainable",
      "This policy has no training form, so no gradient passes through it; full and dmc have one.",
    );
  }
  const [rows, queryHeads, tokens, headDim] = call.q.shape;
  const kvHeads = call.k.shape[1];
  const documents = call.documents ?? new Int32Array(rows * tokens);
  const { positions, ends } = documentSpans(documents, tokens);
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
  const keys = turn(view.k, "keys");
  const flat = (x: tf.Tensor4D) => tf.reshape(x, [rows * kvHeads * tokens, headDim]) as tf.Tensor2D;
  const perEntry = (value: (at: number, index: number) => number) =>
    tf.tensor1d(
      Int32Array.from({ length: rows * kvHeads * tokens }, (_, i) => {
        const index = i % tokens;
        return value(Math.floor(i / (tokens * kvHeads)) * tokens + index, index);
      }),
      "int32",
    );
  const window = call.window ?? Number.POSITIVE_INFINITY;
  const [out] = raggedAttention(
    {
      q: turn(view.q, "queries"),
      keys: flat(keys),
      values: flat(view.v),
      queryPositions: asTensor(Int32Array.from(documents, (_, at) => at % tokens)),
      // a state is an entry for later queries of its document; its own query sees it without the column bias
      from: perEntry((_, index) => index + 1),
      until: perEntry((at, index) => Math.min(ends[at] ?? tokens, index + window)),
      ownKeys: keys,
      ownValues: view.v,
      columnBias: view.columnBias && tf.reshape(view.columnBias, [rows * kvHeads * tokens]),
    },
    {
      laneLengths: new Array(rows * kvHeads).fill(tokens),
      scale: call.scale ?? 1 / Math.sqrt(headDim),
      massQueries: 0,
      queryCounts: new Array(rows).fill(tokens),
    },
  );
  return { out: out as tf.Tensor4D, auxiliary: view.auxiliary };
}

/** Position of each token in its document, and the index in its row at which its document ends. */
function documentSpans(documents: Int32Array, tokens: number): { positions: Int32Array; ends: Int32Array } {
  const positions = new Int32Array(documents.length);
  const ends = new Int32Array(documents.length);
  for (let start = 0; start < documents.length; ) {
    const index = start % tokens;
    let length = 1;
    while (index + length < tokens && documents[start + length] === documents[start]) length++;
    for (let i = 0; i < length; i++) {
      positions[start + i] = i;
      ends[start + i] = index + length;
    }
    start += length;
  }
  return { positions, ends };
}
