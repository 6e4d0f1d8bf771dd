import { dmcPool } from "@kvfold/core";
import type { LayerShape, TrainingForm } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { decisionLogits, firstForAll, firstHead, omegaOf } from "./decide.js";
import type { ResolvedDmcOptions } from "./dmc-options.js";
import type { Relaxation, RelaxationContext, RelaxedDecisions } from "./relaxations/relaxation.js";

/**
 * DMC for training (Nawrot et al. 2024, partial accumulation): the averages after every token for soft decisions alpha,
 * and for the state of token j the column bias log(1 - alpha_{j+1}), which hides it as far as token j+1 merged into it.
 * The first token of every document opens an entry whatever its neuron says. With {@link hard} decisions the result is
 * that of decoding.
 *
 * With granularity `layer` the first KV head decides for all of its layer, noise included.
 *
 * Auxiliary values, `[rows, kvHeads, tokens]` each: `logits` (k[neuron] - offset), `alpha` as decided (document starts
 * not yet forced: the released compression loss counts them so), `omega`, `z` (total weight of each average).
 */
export function dmcTrainingForm(
  options: ResolvedDmcOptions,
  shape: Pick<LayerShape, "layer">,
  relaxation: Relaxation,
): TrainingForm {
  return ({ q, k, v, documents, seed, step, sequence }) => {
    const [, kvHeads, tokens, headDim] = k.shape;
    const { merge: logits, importance } = decisionLogits(q, k, options);
    const context = { seed, step, layer: shape.layer, sequence };
    const { alpha, logAppend } =
      options.granularity === "layer"
        ? decideForLayer(relaxation, logits, context, kvHeads)
        : relaxation.decide(logits, context);
    const omega = omegaOf(importance, options);
    const inside = continues(documents);
    const [pooled, z] = dmcPool(
      { items: tf.concat([k, v], -1) as tf.Tensor4D, alpha: tf.mul(alpha, inside), omega },
      { window: options.window ?? tokens },
    ) as [tf.Tensor4D, tf.Tensor3D];
    const half = (start: number) => tf.slice(pooled, [0, 0, 0, start], [-1, -1, -1, headDim]) as tf.Tensor4D;
    const next = tf.slice(tf.mul(logAppend, inside), [0, 0, 1], [-1, -1, -1]);
    const columnBias = tf.pad(next, [
      [0, 0],
      [0, 0],
      [0, 1],
    ]) as tf.Tensor3D;
    return { q, k: half(0), v: half(headDim), columnBias, auxiliary: { logits, alpha, omega, z } };
  };
}

function decideForLayer(
  relaxation: Relaxation,
  logits: tf.Tensor3D,
  context: RelaxationContext,
  kvHeads: number,
): RelaxedDecisions {
  const { alpha, logAppend } = relaxation.decide(firstHead(logits), context);
  return { alpha: firstForAll(alpha, kvHeads), logAppend: firstForAll(logAppend, kvHeads) };
}

/** 1 where a token is in the document of the token before it, `[rows, 1, tokens]`; 0 for the first of a row. */
function continues(documents: tf.Tensor2D): tf.Tensor3D {
  const [rows, tokens] = documents.shape;
  const before = tf.slice(documents, [0, 0], [rows, tokens - 1]);
  const same = tf.cast(tf.equal(tf.slice(documents, [0, 1], [rows, tokens - 1]), before), "float32");
  return tf.expandDims(tf.concat([tf.zeros([rows, 1]), same], 1), 1) as tf.Tensor3D;
}
