import * as tf from "@tensorflow/tfjs-core";
import { KvfoldError } from "../errors/kvfold-error.js";
import { defineKernel, type Kernel } from "./define-kernel.js";

/** Inputs of {@link rope}. */
export type RopeInputs = {
  /** `[batch, heads, tokens, headDim]` */
  x: tf.Tensor4D;
  /** Cosines, `[batch or 1, tokens, rotaryDim / 2]`, or `[tokens, rotaryDim / 2]` when all rows share positions. */
  cos: tf.Tensor;
  /** Sines, of the shape of `cos`. */
  sin: tf.Tensor;
};

/**
 * Rotary position embedding in the half-split layout of Hugging Face checkpoints: channel `i` and channel
 * `i + rotaryDim / 2` form the pair that turns by angle `i`. Channels from `rotaryDim` on pass through (partial
 * rotary). Takes no attributes; angles come from `Rope.angles`. (Su et al. 2021, arXiv:2104.09864.)
 */
export const rope: Kernel<RopeInputs, Record<string, never>, tf.Tensor4D> = defineKernel({
  name: "KvfoldRope",
  differentiable: ["x"],
  // The gradient of a rotation is the rotation back.
  gradient: ({ cos, sin }, _, [dy]) => ({
    x: tf.tidy(() => rope({ x: dy as tf.Tensor4D, cos, sin: tf.neg(sin) }, {})),
  }),
  reference: ({ x, cos, sin }) =>
    tf.tidy(() => {
      checkShapes(x, cos, sin);
      const [, , tokens, headDim] = x.shape;
      const half = cos.shape[cos.rank - 1] as number;
      const perHead = [cos.rank === 3 ? (cos.shape[0] as number) : 1, 1, tokens, half];
      const c = tf.reshape(cos, perHead);
      const s = tf.reshape(sin, perHead);
      const parts = tf.split(x, [half, half, headDim - 2 * half].slice(0, headDim > 2 * half ? 3 : 2), 3);
      const [first, second, rest] = parts as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D | undefined];
      const rotatedFirst = tf.sub(tf.mul(first, c), tf.mul(second, s));
      const rotatedSecond = tf.add(tf.mul(second, c), tf.mul(first, s));
      return tf.concat([rotatedFirst, rotatedSecond, ...(rest === undefined ? [] : [rest])], 3) as tf.Tensor4D;
    }),
});

function checkShapes(x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor): void {
  const [batch, , tokens, headDim] = x.shape;
  const [half, positions, rows] = [...cos.shape].reverse() as [number, number, number | undefined];
  const fits =
    x.rank === 4 &&
    (cos.rank === 2 || (cos.rank === 3 && (rows === batch || rows === 1))) &&
    tf.util.arraysEqual(cos.shape, sin.shape) &&
    positions === tokens &&
    2 * half <= (headDim as number);
  if (!fits) {
    throw new KvfoldError(
      "rope-shape",
      `rope needs x [batch, heads, tokens, headDim] and cos, sin [batch or 1, tokens, rotaryDim / 2] with ` +
        `rotaryDim <= headDim; got x [${x.shape}], cos [${cos.shape}], sin [${sin.shape}].`,
    );
  }
}
