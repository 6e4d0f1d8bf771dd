import * as tf from "@tensorflow/tfjs-core";

/** 1 for every token but the first, `[1, 1, tokens]`: the first appends, and a factor 0 there ends every product. */
export function followers(tokens: number): tf.Tensor3D {
  const follows = Float32Array.from({ length: tokens }, (_, t) => (t === 0 ? 0 : 1));
  return tf.tensor3d(follows, [1, 1, tokens]);
}

/** x of `steps` tokens ago along axis 2, zeros before the first token; of later tokens where `steps` is below 0. */
export function delayed<T extends tf.Tensor>(x: T, steps: number): T {
  if (steps === 0) return x;
  const away = Math.abs(steps);
  const size = x.shape.slice();
  size[2] = (size[2] as number) - away;
  const begin = x.shape.map((_, axis) => (axis === 2 && steps < 0 ? away : 0));
  const padding = x.shape.map((_, axis): [number, number] => {
    if (axis !== 2) return [0, 0];
    return steps < 0 ? [0, away] : [away, 0];
  });
  return tf.pad(tf.slice(x, begin, size), padding) as T;
}
