import { chooseBackend, KvfoldError, Rope } from "@kvfold/core";
import { expectClose, seeded } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { attention } from "./attention.js";
import { KvCache } from "./kv-cache.js";
import { full } from "./policies/full.js";
import { tova } from "./policies/tova.js";
import { trainingAttention } from "./training-attention.js";

const shape = { layer: 0, layers: 1, queryHeads: 4, kvHeads: 2, headDim: 8 };
const rope = new Rope({ headDim: 8, rotaryDim: 8, theta: 100, maxPositions: 64, scaling: { type: "none" } });

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

function inputs(tokens: number) {
  const random = seeded(tokens);
  const heads = (count: number) => random.normal([2, count, tokens, 8]) as tf.Tensor4D;
  return { q: heads(4), k: heads(2), v: heads(2) };
}

describe("trainingAttention of the full policy", () => {
  it.each([
    ["plain", {}],
    ["with rope", { rope }],
    ["with a sliding window and a scale", { rope, window: 5, scale: 0.3 }],
    ["with a borrowed channel", { rope, borrowed: { channel: 7, queries: "first-of-group", keys: false } as const }],
  ])("equals attention over the cache: %s", (_name, site) => {
    const tensors = inputs(19);
    const cache = new KvCache({ policy: full(), layers: 1, queryHeads: 4, kvHeads: 2, headDim: 8, rows: 2 });
    const expected = attention(cache.layer(0), { ...tensors, ...site });
    const { out, auxiliary } = trainingAttention(full().forLayer(shape), { ...tensors, ...site });
    expectClose(out.dataSync(), expected.dataSync(), 1e-5);
    expect(auxiliary).toEqual({});
    cache.dispose();
  });

  it("keeps documents apart and counts positions in each", () => {
    const tensors = inputs(10);
    const documents = Int32Array.from([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5]); // rows cut at 4 and 7
    const { out } = trainingAttention(full().forLayer(shape), { ...tensors, rope, documents });
    for (const [row, start, size] of [
      [0, 0, 4],
      [0, 4, 6],
      [1, 0, 7],
      [1, 7, 3],
    ] as const) {
      const part = (x: tf.Tensor4D) => tf.slice(x, [row, 0, start, 0], [1, -1, size, -1]);
      const alone = trainingAttention(full().forLayer(shape), {
        q: part(tensors.q),
        k: part(tensors.k),
        v: part(tensors.v),
        rope,
      });
      expectClose(part(out).dataSync(), alone.out.dataSync(), 1e-5);
    }
  });
});

it("refuses a policy without a training form", () => {
  try {
    trainingAttention(tova().forLayer(shape), inputs(3));
  } catch (error) {
    expect(KvfoldError.isInstance(error) && error.code).toBe("policy-not-trainable");
    return;
  }
  throw new Error("nothing was refused");
});
