import { expect, it } from "vitest";
import { spreadOf } from "./spread.js";

it("gives the median and how far apart the values lie", () => {
  expect(spreadOf([4])).toEqual({ median: 4, spread: 0 });
  expect(spreadOf([9, 10, 12])).toEqual({ median: 10, spread: 0.3 });
  expect(spreadOf([1, 4, 2, 3])).toEqual({ median: 2.5, spread: 3 / 2.5 });
});
