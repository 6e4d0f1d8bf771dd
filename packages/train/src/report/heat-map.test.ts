import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { heatMap } from "./heat-map.js";

const merged = [
  [0, 0.1],
  [0.34, 0.5],
  [0.75, 0.87],
  [0.9, 1],
];
const plain = { width: 79, height: 20, colour: false };

describe("heatMap", () => {
  it("shows layers across and heads down, with a legend", () => {
    expect(heatMap(merged, plain)).toEqual([
      "CR by layer (0-3, across) and KV head (down)",
      "head  0   ░░▓▓██",
      "head  1 ··▒▒▓▓██",
      "CR [ ]1 [·]1.1 [░]1.5 [▒]2 [▓]4 [█]8 and more",
    ]);
  });

  it("has the same cells in colour", () => {
    const lines = heatMap(merged, { ...plain, colour: true });
    expect(lines).toHaveLength(4);
    expect(lines[1]?.match(/48;5;(\d+)m/g)).toEqual(["48;5;236m", "48;5;25m", "48;5;71m", "48;5;220m"]);
    for (const line of lines) expect(line.split("\x1b[48").length).toBe(line.split("\x1b[0m").length);
  });

  it("folds layers and heads together where there is no room, and says so", () => {
    const large = Array.from({ length: 100 }, (_, layer) => Array.from({ length: 32 }, () => (layer < 50 ? 0 : 0.9)));
    const lines = heatMap(large, { width: 60, height: 10, colour: false });
    expect(lines[0]).toBe("CR by layer (0-99, across) and KV head (down), a cell: 2 layers x 4 heads".slice(0, 60));
    expect(lines).toHaveLength(10);
    expect(lines[1]).toBe(`head  0 ${" ".repeat(25)}${"█".repeat(25)}`);
    expect(lines[2]).toMatch(/^head {2}4/);
  });

  it.each([
    [20, 6],
    [41, 5],
    [10, 3],
    [200, 40],
  ])("stays within %i x %i characters", (width, height) => {
    for (const colour of [false, true]) {
      const lines = heatMap(merged, { width, height, colour });
      expect(lines.length).toBeLessThanOrEqual(height);
      for (const line of lines) expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(width);
    }
  });

  it("is empty where nothing fits, or nothing was merged by anything", () => {
    expect(heatMap(merged, { ...plain, height: 2 })).toEqual([]);
    expect(heatMap(merged, { ...plain, width: 5 })).toEqual([]);
    expect(heatMap([], plain)).toEqual([]);
    expect(heatMap([[]], plain)).toEqual([]);
  });
});
