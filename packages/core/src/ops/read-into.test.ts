import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import { describe, expect, it } from "vitest";
import { readInto } from "./read-into.js";

describe.each(["cpu", "wasm"])("readInto on %s", (backend) => {
  it("fills the caller's array", async () => {
    await tf.setBackend(backend);
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const y = tf.mul(x, 2);
    const target = new Float32Array(4);
    await readInto(y, target);
    expect([...target]).toEqual([2, 4, 6, 8]);
    await expect(readInto(y, new Float32Array(3))).rejects.toThrow(RangeError);
    tf.dispose([x, y]);
  });
});
