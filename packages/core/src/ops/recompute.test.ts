import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose-backend.js";
import { seeded } from "../testing/seeded.js";
import { recompute } from "./recompute.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

const matrix = (seed: number) => seeded(seed).normal<[number, number], tf.Rank.R2>([24, 24], 0.2);
const layers = 6;

/** A block with an output beside its own, which the loss uses only in the first. */
function block(x: tf.Tensor, w: tf.Tensor): tf.Tensor[] {
  const hidden = tf.tanh(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D));
  return [tf.add(x, tf.mul(tf.sigmoid(hidden), tf.exp(hidden))), tf.square(hidden)];
}

function loss(again: boolean) {
  return (x: tf.Tensor, ...weights: tf.Tensor[]): tf.Scalar => {
    const beside: tf.Tensor[] = [];
    let through = x;
    for (const w of weights) {
      const [out, other] = (again ? recompute(block, [through, w]) : block(through, w)) as [tf.Tensor, tf.Tensor];
      through = out;
      beside.push(other);
    }
    return tf.add(tf.sum(tf.square(through)), tf.sum(beside[0] as tf.Tensor));
  };
}

const inputs = () => [matrix(1), ...Array.from({ length: layers }, (_, i) => matrix(2 + i))];

describe("recompute", () => {
  it("gives the same value and the same gradients to the bit, and leaves no tensor", () => {
    const xs = inputs();
    const before = tf.memory().numTensors;
    const [plain, again] = [false, true].map((how) => tf.valueAndGrads(loss(how))(xs));
    expect(again?.value.dataSync()).toEqual(plain?.value.dataSync());
    expect(again?.grads.map((g) => g.dataSync())).toEqual(plain?.grads.map((g) => g.dataSync()));
    for (const made of [plain, again]) tf.dispose([made?.value as tf.Tensor, ...(made?.grads ?? [])]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("holds one block's activations at a time", async () => {
    const xs = inputs();
    const peaks: number[] = [];
    for (const again of [false, true]) {
      const before = tf.memory().numBytes;
      const { peakBytes } = await tf.profile(() => tf.dispose(tf.grads(loss(again))(xs)));
      peaks.push((peakBytes - before) / (24 * 24 * 4));
    }
    const [plain, again] = peaks as [number, number];
    expect(plain - again).toBeGreaterThan(2 * layers); // matrices
  });

  it("computes once when no gradient is asked for", () => {
    let runs = 0;
    const [x] = inputs() as [tf.Tensor];
    recompute(
      (y) => {
        runs++;
        return [tf.neg(y)];
      },
      [x],
    );
    expect(runs).toBe(1);
  });
});
