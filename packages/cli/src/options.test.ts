import { describe, expect, it } from "vitest";
import { byteCount, positiveNumber, wholeNumber, wholeNumbers } from "./options.js";

describe("byteCount", () => {
  it.each([
    ["8000000000", 8e9],
    ["8GB", 8e9],
    ["7.5GiB", 7.5 * 2 ** 30],
    [" 512 mib ", 512 * 2 ** 20],
    ["1e9", 1e9],
    ["64k", 64_000],
  ])("reads %s", (text, value) => expect(byteCount(text)).toBe(value));

  it.each(["", "GB", "-1", "0", "8 cows", "1e400", "NaN", "99999999TB", "0x10"])("refuses '%s'", (text) =>
    expect(() => byteCount(text)).toThrow("number of bytes"),
  );
});

describe("numbers", () => {
  it("reads whole numbers in range, written as such", () => {
    expect(wholeNumber(1)("12")).toBe(12);
    for (const text of ["0", "-1", "1.0", "1e3", "", " ", "0x10", "99999999999999999999", "NaN"]) {
      expect(() => wholeNumber(1)(text), text).toThrow("whole number from 1 up");
    }
  });

  it("reads lists of whole numbers, ascending, each once", () => {
    expect(wholeNumbers(0)("4096,0, 512,0")).toEqual([0, 512, 4096]);
    for (const text of ["", "1,", "1;2", "1,-2"]) {
      expect(() => wholeNumbers(0)(text), text).toThrow("whole number from 0 up");
    }
  });

  it("reads numbers from 0 up", () => {
    expect([positiveNumber("0"), positiveNumber("0.7"), positiveNumber("1e-3")]).toEqual([0, 0.7, 0.001]);
    for (const text of ["-0.1", "", "hot", "Infinity", "NaN"]) {
      expect(() => positiveNumber(text), text).toThrow("number from 0 up");
    }
  });
});
