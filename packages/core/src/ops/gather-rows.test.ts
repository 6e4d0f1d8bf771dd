import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import { afterAll, describe, expect, it } from "vitest";
import { gatherRows } from "./gather-rows.js";

describe.each(["cpu", "wasm"])("gatherRows on %s", (backend) => {
  afterAll(async () => {
    await tf.setBackend("cpu");
  });

  it("picks rows of any rank, and adds up the gradients of repeated rows", async () => {
    await tf.setBackend(backend);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const table = tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [3, 2, 2]);
      const ids = tf.tensor2d([2, 0, 2, 2], [2, 2], "int32");
      const rows = gatherRows(table, ids);
      expect(rows.shape).toEqual([2, 2, 2, 2]);
      expect([...rows.dataSync()]).toEqual([9, 10, 11, 12, 1, 2, 3, 4, 9, 10, 11, 12, 9, 10, 11, 12]);
      const weights = tf.tensor([1, 10, 100, 1000], [2, 2, 1, 1]);
      const gradient = tf.grad((x) => tf.sum(tf.mul(gatherRows(x, ids), weights)))(table);
      expect([...gradient.dataSync()]).toEqual([10, 10, 10, 10, 0, 0, 0, 0, 1101, 1101, 1101, 1101]);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("works for a table that is a vector", async () => {
    await tf.setBackend(backend);
    tf.tidy(() => {
      const ids = tf.tensor1d([1, 1, 0], "int32");
      const gradient = tf.grad((x) => tf.sum(tf.square(gatherRows(x, ids))))(tf.tensor1d([3, 4, 5]));
      expect([...gradient.dataSync()]).toEqual([6, 16, 0]);
    });
  });

  it.each([-1, 3])("throws for id %d of a table of three rows", async (id) => {
    await tf.setBackend(backend);
    tf.tidy(() => {
      expect(() => gatherRows(tf.zeros([3, 2]), tf.tensor1d([id], "int32"))).toThrow("not in [0, 2]");
    });
  });
});
