// Arithmetic and matrix products of a recorded step are computed again, bit for bit, from what a replay brings.
import { type RecordedStep, type Step, stepRecorder } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "../src/index.js";

beforeAll(async () => {
  await tf.setBackend("native");
});

const step: Step = { rows: [0], tokens: 1, lengths: [1], starts: [0] };
const shape: [number, number] = [6, 40];
const values = (seed: number) => Float32Array.from({ length: 240 }, (_, i) => Math.sin(seed * 7 + i * 1.7) * 3);

type Computation = (x: tf.Tensor2D, y: tf.Tensor2D, row: tf.Tensor1D) => tf.Tensor;

const computations: Record<string, Computation> = {
  "functions of each element": (x) => tf.sigmoid(tf.exp(tf.neg(tf.clipByValue(x, -1, 2)))),
  "arithmetic that broadcasts": (x, y, row) => tf.mul(tf.sub(tf.add(x, row), y), tf.maximum(row, y)),
  "sums of many": (x, y) => tf.addN([x, y, x]),
  "comparisons and logic": (x, y) => tf.logicalAnd(tf.greater(x, y), tf.lessEqual(x, tf.neg(y))),
  selection: (x, y) => tf.where(tf.greater(x, y), x, y),
  conversions: (x) => tf.cast(tf.add(tf.cast(x, "int32"), tf.cast(tf.cast(x, "bool"), "int32")), "float32"),
  "products of matrices": (x, y) => tf.matMul(x, y, false, true),
  "products of one row": (x, y) => tf.matMul(tf.reshape(tf.add(x, x), [1, 240]), tf.reshape(y, [240, 1])),
};

function record(run: () => tf.Tensor): {
  readonly recorded: ReturnType<ReturnType<typeof recorder>["end"]>;
  readonly out: tf.Tensor;
} {
  recorder().begin();
  const out = tf.tidy(() => tf.keep(run()));
  return { recorded: recorder().end(), out };
}

function recorder() {
  const found = stepRecorder();
  if (found === undefined) throw new Error("the native backend has a recorder");
  return found;
}

describe("recorded arithmetic", () => {
  it.each(Object.entries(computations))("%s", (_, compute) => {
    const x = tf.tensor2d(values(0), shape);
    const y = tf.tensor2d(values(1), shape);
    const row = tf.tensor1d(values(1).subarray(0, 40));
    let seed = 0;
    const { recorded, out } = record(() => {
      recorder().input(x, () => values(seed));
      return compute(x, y, row);
    });
    expect(recorded).not.toHaveProperty("reason");
    for (seed = 2; seed < 5; seed++) {
      (recorded as RecordedStep).replay(step);
      const wanted = tf.tidy(() => compute(tf.tensor2d(values(seed), shape), y, row).dataSync());
      expect(out.dataSync()).toEqual(wanted);
    }
    (recorded as RecordedStep).dispose();
    tf.dispose([x, y, row, out]);
  });

  it("refuses a step that keeps a tensor beside its result: replays would not see the next one", () => {
    const x = tf.tensor2d(values(0), shape);
    let kept: tf.Tensor | undefined;
    const { recorded, out } = record(() => {
      recorder().input(x, () => values(0));
      kept = tf.keep(tf.add(x, x));
      return tf.mul(x, kept);
    });
    expect(recorded).toEqual({ reason: "it keeps tensors for later steps" });
    tf.dispose([x, out, ...(kept ? [kept] : [])]);
  });
});
