import { recompute } from "@kvfold/core";
import type * as tf from "@tensorflow/tfjs-core";
import { type TrainingLayerContext, trainingLayer } from "./training-layer.js";

/**
 * {@link trainingLayer} whose activations are computed again in the backward pass; between the passes only its input lives,
 * and its outputs.
 *
 * @param learning names of the layer's weights that learn, without the layer's prefix; the others receive no gradient
 */
export function recomputedLayer(
  x: tf.Tensor2D,
  context: TrainingLayerContext,
  learning: readonly string[],
): ReturnType<typeof trainingLayer> {
  let names: string[] = [];
  const run = (input: tf.Tensor, ...tensors: tf.Tensor[]) => {
    const learned = new Map(learning.map((name, i) => [name, tensors[i] as tf.Tensor]));
    const weights = (name: string) => learned.get(name) ?? context.weights(name);
    const { out, auxiliary } = trainingLayer(input as tf.Tensor2D, { ...context, weights });
    names = Object.keys(auxiliary);
    return [out, ...Object.values(auxiliary)];
  };
  const [out, ...beside] = recompute(run, [x, ...learning.map(context.weights)]);
  return {
    out: out as tf.Tensor2D,
    auxiliary: Object.fromEntries(names.map((name, i) => [name, beside[i] as tf.Tensor])),
  };
}
