import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { productPeak } from "./product-peak.js";

it.each(["cpu", "wasm"])("finds a rate that products on %s do reach", async (prefer) => {
  await chooseBackend({ prefer });
  const before = tf.memory().numTensors;
  const peak = await productPeak();
  expect(peak).toBeGreaterThan(1e6);
  expect(peak).toBeLessThan(1e15);
  expect(tf.memory().numTensors).toBe(before);
});
