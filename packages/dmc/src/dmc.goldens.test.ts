import { join } from "node:path";
import { chooseBackend, openSafetensors, Rope } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import { attention, KvCache } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { dmc } from "./dmc.js";

const folder = goldensPath("dmc");

describe.each(["cpu", "wasm"])("dmc goldens on %s", (backend) => {
  beforeAll(async () => {
    await chooseBackend({ prefer: backend });
  });
  describe.each(["decode_mha", "decode_gqa"])("%s", (name) => {
    it.each([
      ["win", 1],
      ["win", 60],
      ["win", 17],
      ["nowin", 1],
      ["nowin", 60],
      ["nowin", 17],
    ] as const)("%s in chunks of %i", async (kind, chunk) => {
      const file = await openSafetensors(join(folder as string, `${name}.safetensors`));
      const read = async (tensor: string) => {
        const data = await file.readFloat32(tensor);
        return tf.tensor(data, [...(file.tensors.get(tensor)?.shape ?? [])]);
      };
      const [q, k, v] = (await Promise.all(["q", "k", "v"].map(read))) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
      const expected = await read(`${kind}.out`);
      const [rows, queryHeads, tokens, headDim] = q.shape;
      const rope = new Rope({ headDim, rotaryDim: headDim, theta: 10000, maxPositions: 256, scaling: { type: "none" } });
      const cache = new KvCache({
        policy: dmc({ window: kind === "win" ? 12 : null }),
        layers: 1,
        queryHeads,
        kvHeads: k.shape[1],
        headDim,
        rows,
      });
      const outs: tf.Tensor[] = [];
      for (let t = 0; t < tokens; t += chunk) {
        const size = Math.min(chunk, tokens - t);
        const part = (x: tf.Tensor4D) => tf.slice(x, [0, 0, t, 0], [-1, -1, size, -1]);
        outs.push(attention(cache.layer(0), { q: part(q), k: part(k), v: part(v), rope }));
      }
      const diff = tf.max(tf.abs(tf.sub(tf.concat(outs, 2), expected))).dataSync()[0];
      expect(diff).toBeLessThan(5e-6);
      console.log(backend, name, kind, chunk, diff, cache.stats().compressionRatio, cache.stats().byteRatio);
    });
  });
});
