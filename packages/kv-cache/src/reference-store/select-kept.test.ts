import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { selectKept } from "./select-kept.js";

await chooseBackend({ prefer: "cpu" });

/** Scores travel as tensors; their numbers are the third argument's business. */
const none = () => tf.zeros([1, 1, 1]) as tf.Tensor3D;

describe("selectKept", () => {
  it("drop-range drops between `from` and the newest ones, and nothing from short lanes", () => {
    expect(selectKept({ op: "drop-range", from: 2, keepLast: 3 }, [7, 5, 1], 3, undefined)).toEqual([
      [0, 1, 4, 5, 6],
      [0, 1, 2, 3, 4],
      [0],
    ]);
  });

  it("drop-range takes one number for each row", () => {
    const op = { op: "drop-range", from: 0, keepLast: [1, Number.POSITIVE_INFINITY] } as const;
    expect(selectKept(op, [3, 2, 3, 2], 2, undefined)).toEqual([[2], [1], [0, 1, 2], [0, 1]]);
  });

  it("drop-lowest keeps the best of each lane in their order; ties keep the older entry", () => {
    const op = { op: "drop-lowest", scores: none(), keep: 2 } as const;
    const scores = [5, 1, 7, 2, 2, 2, 9, 0, 0];
    expect(selectKept(op, [3, 3, 1], 3, scores)).toEqual([[0, 2], [0, 1], [0]]);
  });

  it("drop-lowest takes one number for each row", () => {
    const op = { op: "drop-lowest", scores: none(), keep: [1, 2] } as const;
    expect(selectKept(op, [2, 2, 2, 2], 2, [1, 2, 2, 1, 1, 2, 2, 1])).toEqual([[1], [0], [0, 1], [0, 1]]);
  });

  it("drop-lowest over a row lets lanes have different lengths", () => {
    const op = { op: "drop-lowest", scores: none(), keep: 2, scope: "row" } as const;
    const scores = [9, 8, 7, 1, 2, 3, 1, 1, 1, 4, 5, 6];
    expect(selectKept(op, [3, 3, 3, 3], 2, scores)).toEqual([[0, 1, 2], [2], [0], [0, 1, 2]]);
  });

  it("drop-below keeps what reaches the threshold", () => {
    const op = { op: "drop-below", scores: none(), threshold: 3 } as const;
    expect(selectKept(op, [3, 2], 2, [1, 3, 4, 5, 2, 0])).toEqual([[1, 2], [0]]);
  });
});
