import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { compressionLoss } from "./compression-loss.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

/** Two layers with 2 and 1 KV heads; row 0 merges 3 of its 12 decisions, row 1 merges all. */
const layers = () => [
  tf.tensor3d([0.9, 0.1, 0.2, 0.6, 0.5, 0.4, 0.3, 0.2, 1, 1, 1, 1, 1, 1, 1, 1], [2, 2, 4]),
  tf.tensor3d([0, 0, 0, 0.51, 0.8, 0.8, 0.8, 0.8], [2, 1, 4]),
];

describe("compressionLoss", () => {
  it("counts hard decisions over layers, heads and tokens", () => {
    const loss = (ratio: number, scope?: "sequence" | "global") =>
      compressionLoss(layers(), { ratio, ...(scope ? { scope } : {}) }).dataSync()[0];
    // parts merged: 3/12 and 1; the target at ratio 2 is 1/2
    expect(loss(2)).toBeCloseTo((0.25 + 0) / 2, 6);
    expect(loss(2, "global")).toBe(0);
    expect(loss(4, "global")).toBeCloseTo(0.75 - 0.625, 6);
    expect(loss(1)).toBe(0);
  });

  it("passes a gradient only while the target is missed, and passes it to every decision alike", () => {
    const gradients = (scope: "sequence" | "global") =>
      tf
        .grads((...alpha) => compressionLoss(alpha as tf.Tensor3D[], { ratio: 2, scope }))(layers())
        .map((x) => Array.from(x.dataSync(), (g) => g + 0)); // no -0
    const [first, second] = gradients("sequence") as [number[], number[]];
    for (const g of [...first.slice(0, 8), ...second.slice(0, 4)]) expect(g).toBeCloseTo(-1 / 24, 6);
    for (const g of [...first.slice(8), ...second.slice(4)]) expect(g).toBe(0);
    expect(gradients("global").flat()).toEqual(new Array(24).fill(0));
  });

  it("leaves no tensor behind", () => {
    const alpha = layers();
    const before = tf.memory().numTensors;
    compressionLoss(alpha, { ratio: 3 }).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("refuses ratios below 1 and models without folding layers", () => {
    expect(() => compressionLoss(layers(), { ratio: 0.5 })).toThrow("at least 1");
    expect(() => compressionLoss([], { ratio: 2 })).toThrow("No layer folds");
  });
});
