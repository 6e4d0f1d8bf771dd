import { expect, it } from "vitest";
import { formatTokenCount, tokenCount } from "./token-count.js";

it.each([
  [4096, 4096],
  ["4096", 4096],
  ["5M", 5e6],
  ["5m", 5e6],
  ["1.1M", 1.1e6],
  ["200k", 2e5],
  ["1.5G", 1.5e9],
  [1e6, 1e6],
  ["1e6", 1e6],
  [0, 0],
])("%s is %i tokens", (text, count) => expect(tokenCount(text)).toBe(count));

it.each(["5T", "5 M tokens", "-1", -1, 0.5, "1.0001k", "", null, true, Number.NaN, Number.POSITIVE_INFINITY, "9e99"])(
  "%s is no number of tokens",
  (text) => expect(tokenCount(text)).toBeUndefined(),
);

it.each([
  [0, "0"],
  [999, "999"],
  [4096, "4.096k"],
  [1_228_800, "1228.8k"],
  [5e6, "5M"],
  [25.2e9, "25.2G"],
])("%i tokens are written %s, and read back", (count, text) => {
  expect(formatTokenCount(count)).toBe(text);
  expect(tokenCount(text)).toBe(count);
});
