import * as tf from "@tensorflow/tfjs-core";
import { defineKernel } from "./define-kernel.js";

/** Inputs of {@link adamW}, all of one shape. */
export type AdamWInputs = {
  param: tf.Tensor;
  grad: tf.Tensor;
  /** Running mean of the gradient; zeros before the first step. */
  m: tf.Tensor;
  /** Running mean of the squared gradient; zeros before the first step. */
  v: tf.Tensor;
};

/** Attributes of {@link adamW}. */
export interface AdamWAttrs {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  /** Added to the root of the second moment, after its bias correction. */
  readonly epsilon: number;
  /** Decoupled: the parameter shrinks by `learningRate * weightDecay`, whatever its gradient. */
  readonly weightDecay: number;
  /** Number of this update, from 1 on; corrects the bias of the running means. */
  readonly step: number;
}

/** One AdamW update (Loshchilov and Hutter 2019, arXiv:1711.05101). @returns `[param, m, v]`, new tensors */
export const adamW = defineKernel<AdamWInputs, AdamWAttrs, tf.Tensor[]>({
  name: "KvfoldAdamW",
  reference: ({ param, grad, m, v }, { learningRate, beta1, beta2, epsilon, weightDecay, step }) =>
    tf.tidy(() => {
      const nextM = tf.add(tf.mul(m, beta1), tf.mul(grad, 1 - beta1));
      const nextV = tf.add(tf.mul(v, beta2), tf.mul(tf.square(grad), 1 - beta2));
      const root = tf.add(tf.sqrt(tf.div(nextV, 1 - beta2 ** step)), epsilon);
      const move = tf.mul(tf.div(nextM, root), learningRate / (1 - beta1 ** step));
      return [tf.sub(tf.mul(param, 1 - learningRate * weightDecay), move), nextM, nextV];
    }),
});
