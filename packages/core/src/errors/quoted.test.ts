import { expect, it } from "vitest";
import { quoted } from "./quoted.js";

it("quotes values of any kind, escaped and short", () => {
  expect(quoted("a\u001b[31m")).toBe('"a\\u001b[31m"');
  expect(quoted([1, null])).toBe("[1,null]");
  expect(quoted(undefined)).toBe("undefined");
  expect(quoted("x".repeat(5000)).length).toBeLessThan(120);
  expect(quoted("x".repeat(5000))).toMatch(/\.\.\. \(5000 characters\)$/);
  expect(quoted({ list: Array(1000).fill(1) }).length).toBeLessThan(120);
});
