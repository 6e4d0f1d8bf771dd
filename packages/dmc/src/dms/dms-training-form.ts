import type { LayerShape, TrainingForm } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { firstForAll, firstHead } from "../decide.js";
import type { Relaxation } from "../relaxations/relaxation.js";
import type { ResolvedDmsOptions } from "./dms-options.js";
import { adapterLogits, type EvictionAdapter } from "./eviction-adapter.js";
import { evictionLogits } from "./eviction-logits.js";

/**
 * DMS for training (Łańcucki et al. 2025): every token keeps its key and value, and for queries more than `delay` tokens
 * later the score of token j gets the column bias log(1 - alpha_{j+1}), which hides it as far as token j + 1 evicts it. With
 * {@link hard} decisions the result is that of decoding over the compacted cache.
 *
 * Decisions come from the adapter where one is given, else from a neuron of q.
 *
 * With granularity `layer` the first KV head decides for all of its layer, noise included.
 *
 * Auxiliary values, `[rows, kvHeads, tokens]` each: `logits` and `alpha`, the soft decision *at* each token (that of a
 * text's first token evicts nothing; the released compression loss counts it).
 */
export function dmsTrainingForm(
  options: ResolvedDmsOptions,
  shape: Pick<LayerShape, "layer">,
  relaxation: Relaxation,
  adapter?: EvictionAdapter,
): TrainingForm {
  const shared = options.granularity === "layer";
  return ({ q, k, v, input, seed, step, sequence }) => {
    const kvHeads = k.shape[1];
    const ofAll = (x: tf.Tensor3D) => (shared ? firstForAll(x, kvHeads) : x);
    const logits = adapter ? adapterLogits(input, adapter, options) : evictionLogits(q, kvHeads, options);
    const decided = relaxation.decide(shared ? firstHead(logits) : logits, {
      seed,
      step,
      layer: shape.layer,
      sequence,
    });
    const next = tf.slice(ofAll(decided.logAppend), [0, 0, 1], [-1, -1, -1]);
    const columnBias = tf.pad(next, [
      [0, 0],
      [0, 0],
      [0, 1],
    ]) as tf.Tensor3D;
    return { q, k, v, columnBias, biasDelay: options.delay, auxiliary: { logits, alpha: ofAll(decided.alpha) } };
  };
}
