import { expect, it } from "vitest";
import { bytes, figure } from "./figures.js";
import { table } from "./table.js";

it("tells bytes in binary units", () => {
  expect([0, 1023, 1024, 2_097_152, 1.5 * 2 ** 30].map(bytes)).toEqual([
    "0 B",
    "1023 B",
    "1.00 KiB",
    "2.00 MiB",
    "1.50 GiB",
  ]);
});

it("tells numbers, and what was not measured", () => {
  expect([figure(12345), figure(1.23456, 2), figure(null), figure(undefined), figure(Number.NaN, 2)]).toEqual([
    "12,345",
    "1.23",
    "-",
    "-",
    "NaN",
  ]);
});

it("aligns the first column left and the others right", () => {
  expect(
    table(
      [{ head: "policy" }, { head: "CR" }],
      [
        ["full", "1.00"],
        ["tova:budget=8", "12.00"],
      ],
    ),
  ).toBe("policy            CR\nfull            1.00\ntova:budget=8  12.00");
});
