import * as tf from "@tensorflow/tfjs-core";
import { KvfoldError } from "../errors/kvfold-error.js";
import { matrixProduct } from "../ops/matrix-product.js";
import { defineKernel } from "./define-kernel.js";

/** Inputs of {@link denseLinear}. */
export type DenseLinearInputs = {
  /** `[..., in]` */
  x: tf.Tensor;
  /** `[in, out]`: transposed against a checkpoint's `[out, in]`. */
  weight: tf.Tensor2D;
  /** `[out]` */
  bias?: tf.Tensor1D | undefined;
};

/** `x weight + bias`, of shape `[..., out]`. Takes no attributes. */
export const denseLinear = defineKernel<DenseLinearInputs, Record<string, never>, tf.Tensor>({
  name: "KvfoldLinear",
  differentiable: ["x", "weight", "bias"],
  reference: ({ x, weight, bias }) =>
    tf.tidy(() => {
      const [inputs, outputs] = weight.shape;
      checkLinearShapes(x, inputs, outputs, bias);
      // One matrix of rows: a rank-2 product of untransposed sides is the fast path of the wasm backend.
      const product = matrixProduct(tf.reshape(x, [-1, inputs]), weight);
      const y = bias === undefined ? product : tf.add(product, bias);
      return tf.reshape(y, [...x.shape.slice(0, -1), outputs]);
    }),
});

/** Rejects operands of a linear layer that do not fit, naming all shapes. */
export function checkLinearShapes(x: tf.Tensor, inputs: number, outputs: number, bias: tf.Tensor | undefined): void {
  const fits =
    x.rank >= 1 &&
    x.shape[x.rank - 1] === inputs &&
    (bias === undefined || (bias.rank === 1 && bias.shape[0] === outputs));
  if (!fits) {
    throw new KvfoldError(
      "linear-shape",
      `A linear layer of ${inputs} inputs and ${outputs} outputs needs x [..., ${inputs}] and bias [${outputs}] or none; ` +
        `got x [${x.shape}]${bias === undefined ? "" : ` and bias [${bias.shape}]`}.`,
    );
  }
}
