import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose-backend.js";
import { expectClose } from "../testing/expect-close.js";
import { seeded } from "../testing/seeded.js";
import { divergence } from "./divergence.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

const matrices = () => {
  const random = seeded(4);
  const one = () => random.normal<[number, number], tf.Rank.R2>([5, 300], 3);
  return { from: one(), to: one() };
};

/** The formula as written down. */
function plain(from: tf.Tensor, to: tf.Tensor): tf.Tensor {
  return tf.sum(tf.mul(tf.softmax(from), tf.sub(tf.logSoftmax(from), tf.logSoftmax(to))), 1);
}

describe("divergence", () => {
  it("is the sum of p (log p - log q), and so are its gradients", () => {
    const { from, to } = matrices();
    const weights = tf.tensor1d([1, 0, 2, -1, 0.5]);
    const of = (f: (a: tf.Tensor2D, b: tf.Tensor2D) => tf.Tensor) =>
      tf.valueAndGrads((a, b) => tf.sum(tf.mul(f(a as tf.Tensor2D, b as tf.Tensor2D), weights)) as tf.Scalar)([
        from,
        to,
      ]);
    const [mine, theirs] = [of((a, b) => divergence({ from: a, to: b })), of(plain)];
    expectClose(divergence({ from, to }).dataSync<"float32">(), plain(from, to).dataSync<"float32">(), 1e-5);
    mine.grads.forEach((gradient, i) => {
      expectClose(gradient.dataSync<"float32">(), (theirs.grads[i] as tf.Tensor).dataSync<"float32">(), 1e-5);
    });
  });

  it("is 0 for equal logits, and for logits that differ by a constant", () => {
    const { from } = matrices();
    for (const by of [0, 7]) {
      const found = divergence({ from, to: tf.add(from, by) }).dataSync<"float32">();
      for (const value of found) expect(Math.abs(value)).toBeLessThan(1e-5);
    }
  });

  it("holds at most five more matrices at a time, forward and backward, and leaves none", async () => {
    const { from, to } = matrices();
    const matrix = from.size * 4;
    const before = tf.memory();
    const { peakBytes } = await tf.profile(() => {
      tf.dispose(tf.grad((x) => tf.sum(divergence({ from, to: x as tf.Tensor2D })) as tf.Scalar)(to));
    });
    expect(peakBytes - before.numBytes).toBeLessThan(5.2 * matrix);
    expect(tf.memory().numTensors).toBe(before.numTensors);
  });

  it("names shapes that do not fit", () => {
    const { from } = matrices();
    expect(() => divergence({ from, to: tf.zeros([5, 299]) })).toThrow("got [5,300] and [5,299]");
  });
});
