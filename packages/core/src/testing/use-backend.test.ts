import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { useBackend } from "./use-backend.js";

it("loads a backend that TensorFlow.js does not know yet, and changes between those it knows", async () => {
  for (const name of ["wasm", "cpu", "wasm"]) {
    await useBackend(name);
    expect(tf.getBackend()).toBe(name);
  }
});

it("says what there is instead of a backend that nobody knows", async () => {
  await expect(useBackend("abacus")).rejects.toThrow(/abacus/);
});
