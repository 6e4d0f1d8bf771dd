import { expect, it } from "vitest";
import { closedStates } from "./closed-states.js";

it("keeps the last state of every segment, the open one included, and ignores padding", () => {
  // lane 0: tokens 0 | 1 2 | 3; lane 1 (two real tokens): continues what is there | 1
  const merge = [0, 0, 1, 0, 1, 0, 1, 1];
  expect(closedStates(merge, 4, [4, 2])).toEqual({
    indices: [0, 2, 3, 4, 5],
    counts: [3, 2],
    continues: [false, true],
  });
});

it("a chunk that merges as a whole leaves one state", () => {
  expect(closedStates([1, 1, 1], 3, [3])).toEqual({ indices: [2], counts: [1], continues: [true] });
});
