import * as tf from "@tensorflow/tfjs-core";
import type { Activation } from "./activation.js";
import { denseGatedMlp } from "./dense-gated-mlp.js";
import { gatedActivation } from "./gated-activation.js";
import { linear } from "./linear.js";
import { isPackedWeight, type LinearWeight } from "./linear-weight.js";
import type { NormLayer } from "./norm-linears.js";
import { packedGatedMlp } from "./packed-gated-mlp.js";
import { rmsNorm } from "./rms-norm.js";

/** Weights of a gated MLP; each may be dense `[in, out]` or packed `[out, in]`. */
export interface GatedMlpWeights {
  readonly gate: LinearWeight;
  readonly up: LinearWeight;
  readonly down: LinearWeight;
  /** `[hidden]` */
  readonly gateBias?: tf.Tensor1D | undefined;
  /** `[hidden]` */
  readonly upBias?: tf.Tensor1D | undefined;
  /** `[dim]` */
  readonly downBias?: tf.Tensor1D | undefined;
}

/**
 * Gated MLP, `[..., dim]` to `[..., dim]`, by the kernel that fits the storage of the weights. When storages are mixed
 * the three linear layers run one by one.
 */
export function gatedMlp(x: tf.Tensor, weights: GatedMlpWeights, activation: Activation): tf.Tensor {
  const { gate, up, down, gateBias, upBias, downBias } = weights;
  if (isPackedWeight(gate) && isPackedWeight(up) && isPackedWeight(down)) {
    return packedGatedMlp({ x, gateBias, upBias, downBias }, { activation, gate, up, down });
  }
  if (!isPackedWeight(gate) && !isPackedWeight(up) && !isPackedWeight(down)) {
    return denseGatedMlp({ x, gate, up, down, gateBias, upBias, downBias }, { activation });
  }
  return tf.tidy(() => {
    const hidden = gatedActivation({ gate: linear(x, gate, gateBias), up: linear(x, up, upBias) }, { activation });
    return linear(hidden, down, downBias);
  });
}

/**
 * The MLP block of a pre-norm decoder layer, `x + mlp(rmsNorm(x))`, in one kernel where all weights are packed.
 *
 * @param x the residual stream `[..., dim]`
 */
export function mlpBlock(x: tf.Tensor, norm: NormLayer, weights: GatedMlpWeights, activation: Activation): tf.Tensor {
  const { gate, up, down, gateBias, upBias, downBias } = weights;
  const { weight, epsilon, weightOffset } = norm;
  if (isPackedWeight(gate) && isPackedWeight(up) && isPackedWeight(down)) {
    const attrs = { activation, gate, up, down, preNorm: { epsilon, weightOffset } };
    return packedGatedMlp({ x, gateBias, upBias, downBias, norm: weight }, attrs);
  }
  return tf.tidy(() => tf.add(x, gatedMlp(rmsNorm({ x, weight }, { epsilon, weightOffset }), weights, activation)));
}
