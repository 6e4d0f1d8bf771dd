import * as tf from "@tensorflow/tfjs-core";
import { denseLinear } from "./dense-linear.js";
import { isPackedWeight, type LinearWeight } from "./linear-weight.js";
import { packedLinear } from "./packed-linear.js";

/**
 * A linear layer, `[..., in]` to `[..., out]`, by the kernel that fits the weight's storage.
 *
 * @param bias `[out]`; absent means none
 * @param residual `[..., out]`, the residual stream that the result is added to; absent means none
 */
export function linear(x: tf.Tensor, weight: LinearWeight, bias?: tf.Tensor1D, residual?: tf.Tensor): tf.Tensor {
  if (isPackedWeight(weight)) return packedLinear({ x, bias, residual }, { weight });
  if (residual === undefined) return denseLinear({ x, weight, bias }, {});
  return tf.tidy(() => tf.add(residual, denseLinear({ x, weight, bias }, {})));
}
