import * as tf from "@tensorflow/tfjs-core";

/**
 * Gradients of the outputs of `run` by its inputs, times the gradients of the outputs: what a backward form needs that
 * computes its forward form again. May be called inside a backward pass.
 *
 * @param upstream gradients of the outputs, in their order
 */
export function vectorJacobian(
  run: (...inputs: tf.Tensor[]) => readonly tf.Tensor[],
  inputs: readonly tf.Tensor[],
  upstream: readonly tf.Tensor[],
): tf.Tensor[] {
  const loss = (...xs: tf.Tensor[]): tf.Scalar => {
    const terms = run(...xs).map((y, i) => tf.sum(tf.mul(y, upstream[i] as tf.Tensor)));
    return terms.reduce((a, b) => tf.add(a, b)) as tf.Scalar;
  };
  return withFreshTape(() => tf.grads(loss)([...inputs]));
}

/** Takes gradients inside a backward pass: the engine has one tape at a time and drops it when a pass ends. */
function withFreshTape<T>(run: () => T): T {
  const { state } = tf.engine();
  const outer = state.activeTape;
  try {
    return run();
  } finally {
    state.activeTape = outer as NonNullable<typeof outer>;
  }
}
