import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { makeRope } from "../testing/over-cases.js";
import { rotateAndBlank } from "./rotate-and-blank.js";

await chooseBackend({ prefer: "cpu" });

const borrowed = { channel: 3, queries: "first-of-group", keys: false } as const;

function turned(part: "queries" | "keys", rotates: boolean, given: Parameters<typeof rotateAndBlank>[1]["borrowed"]) {
  return tf.tidy(() => {
    // one row, four heads, one token at position 1
    const x = tf.ones<tf.Rank.R4>([1, 4, 1, 4]);
    const options = { positions: Int32Array.of(1), length: 2, part, group: 2, borrowed: given };
    using rope = makeRope(4);
    const y = rotateAndBlank(x, { ...options, rope: rotates ? rope : undefined });
    return tf.reshape(y, [4, 4]).arraySync() as number[][];
  });
}

describe("rotateAndBlank", () => {
  it("blanks before and after rotation, so only the cosine half of the partner channel is left", () => {
    const [head] = turned("keys", true, { ...borrowed, keys: true });
    const slow = 0.01; // angle of the second pair at position 1
    expect(head?.[3]).toBe(0);
    expect(head?.[1]).toBeCloseTo(Math.cos(slow), 6);
    expect(head?.[0]).toBeCloseTo(Math.cos(1) - Math.sin(1), 6);
  });

  it("blanks only the first query head of each group where the model borrowed only that one", () => {
    expect(turned("queries", false, borrowed).map((head) => head[3])).toEqual([0, 1, 0, 1]);
    expect(turned("queries", false, { ...borrowed, queries: "all" }).map((head) => head[3])).toEqual([0, 0, 0, 0]);
  });

  it("leaves keys alone where the model did not borrow from them", () => {
    expect(turned("keys", false, borrowed).flat()).toEqual(new Array(16).fill(1));
  });
});
