import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, it } from "vitest";
import { decisionStatistics, mergedParts, ratioOf } from "./decision-statistics.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

it("gives the merged part of each layer and head over rows, tokens and accumulation parts", () => {
  const layer = (values: number[]) => tf.tensor3d(values, [1, 2, 4]);
  const parts = [
    mergedParts([layer([1, 0, 0.5, 0.9, 1, 1, 1, 1]), layer([0, 0, 0, 0, 0, 0, 0, 0.7])]).arraySync(),
    mergedParts([layer([0, 0, 0, 0, 1, 1, 1, 1]), layer([0, 0, 0, 0, 0.6, 0.6, 0, 0.7])]).arraySync(),
  ];
  const { merged, ratio } = decisionStatistics(parts, 4);
  expect(merged).toEqual([
    [0.25, 1],
    [0, 0.5],
  ]);
  expect(ratio).toBeCloseTo(1 / (1 - 1.75 / 4), 12);
});

it("a lane that merges everything has the ratio of its tokens, not infinity", () => {
  expect(ratioOf(1, 512)).toBe(512);
  expect(ratioOf(0, 512)).toBe(1);
  expect(decisionStatistics([[[1]]], 64)).toEqual({ merged: [[1]], ratio: 64 });
  expect(decisionStatistics([], 64)).toEqual({ merged: [], ratio: 1 });
});
