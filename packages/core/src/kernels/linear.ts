import type * as tf from "@tensorflow/tfjs-core";
import { denseLinear } from "./dense-linear.js";
import { isPackedWeight, type LinearWeight } from "./linear-weight.js";
import { packedLinear } from "./packed-linear.js";

/**
 * A linear layer, `[..., in]` to `[..., out]`, by the kernel that fits the weight's storage.
 *
 * @param bias `[out]`; absent means none
 */
export function linear(x: tf.Tensor, weight: LinearWeight, bias?: tf.Tensor1D): tf.Tensor {
  return isPackedWeight(weight) ? packedLinear({ x, bias }, { weight }) : denseLinear({ x, weight, bias }, {});
}
