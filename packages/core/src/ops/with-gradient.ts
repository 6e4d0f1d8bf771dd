import * as tf from "@tensorflow/tfjs-core";
import "../gradients.js";

/** A computation with its own backward form; see {@link withGradient}. */
export interface OwnGradient<O extends tf.Tensor | tf.Tensor[]> {
  /** Named inputs; those that receive no gradient (indices, masks) may be left out of `backward`'s result. */
  readonly inputs: Record<string, tf.Tensor>;
  /** The value. Pass to `save` what `backward` needs; saved tensors live until the whole backward pass ends. */
  readonly forward: (save: (tensors: tf.Tensor[]) => void) => O;
  /** From the upstream gradient(s) to one thunk per differentiable input; a thunk runs only when it is asked for. */
  readonly backward: (upstream: tf.Tensor[], saved: tf.Tensor[]) => Record<string, () => tf.Tensor>;
}

/**
 * Runs a computation whose gradient is written by hand. Unlike `tf.customGrad` it allows several outputs and integer
 * inputs, and computes only the gradients that are asked for. Nothing called inside `forward` is recorded.
 */
export function withGradient<O extends tf.Tensor | tf.Tensor[]>(own: OwnGradient<O>): O {
  const engine = tf.engine() as unknown as EngineWithBackward;
  return engine.runKernelFunc({
    forwardFunc: (_backend, save) => own.forward(save),
    backwardsFunc: (upstream, saved) => own.backward(Array.isArray(upstream) ? upstream : [upstream], saved),
    inputs: own.inputs,
  }) as O;
}

/** The engine's own call behind `tf.customGrad`, which TensorFlow.js keeps out of its public types. */
interface EngineWithBackward {
  runKernelFunc(call: {
    forwardFunc: (backend: unknown, save: (tensors: tf.Tensor[]) => void) => tf.Tensor | tf.Tensor[];
    backwardsFunc: (upstream: tf.Tensor | tf.Tensor[], saved: tf.Tensor[]) => Record<string, () => tf.Tensor>;
    inputs: Record<string, tf.Tensor>;
  }): tf.Tensor | tf.Tensor[];
}
