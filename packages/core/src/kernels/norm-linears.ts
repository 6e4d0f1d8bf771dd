import * as tf from "@tensorflow/tfjs-core";
import { linear } from "./linear.js";
import { isPackedWeight, type LinearWeight, type PackedWeight } from "./linear-weight.js";
import { normPackedLinears } from "./norm-packed-linears.js";
import { type RmsNormAttrs, rmsNorm } from "./rms-norm.js";

/** A linear layer's weight, dense `[in, out]` or packed `[out, in]`, and its bias `[out]`. */
export interface LinearLayer {
  readonly weight: LinearWeight;
  readonly bias?: tf.Tensor1D | undefined;
}

/** Weight `[dim]` of an RMSNorm, and how it is applied. */
export interface NormLayer extends RmsNormAttrs {
  readonly weight: tf.Tensor1D;
}

/**
 * One to three linear layers of `rmsNorm(x)`, in one kernel where all weights are packed.
 *
 * @param x `[..., in]`
 * @returns `[..., out]` for each layer
 */
export function normLinears(x: tf.Tensor, norm: NormLayer, layers: readonly LinearLayer[]): readonly tf.Tensor[] {
  const { weight, epsilon, weightOffset } = norm;
  const weights = layers.map((layer) => layer.weight);
  if (layers.length <= 3 && weights.every(isPackedWeight)) {
    const [bias0, bias1, bias2] = layers.map(({ bias }) => bias);
    const attrs = { weights: weights as readonly PackedWeight[], epsilon, weightOffset };
    return normPackedLinears({ x, norm: weight, bias0, bias1, bias2 }, attrs);
  }
  return tf.tidy(() => {
    const normed = rmsNorm({ x, weight }, { epsilon, weightOffset });
    return layers.map((layer) => linear(normed, layer.weight, layer.bias));
  });
}
