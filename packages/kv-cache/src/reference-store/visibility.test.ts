import { describe, expect, it } from "vitest";
import { forEver, visibleUntil } from "./visibility.js";

const limits = { band: undefined, window: undefined, ends: [] };

describe("visibleUntil", () => {
  it("is undefined where nothing ever leaves", () => {
    expect(visibleUntil([0, 1], limits)).toBeUndefined();
  });

  it("lets sinks stay and others leave after `recent` positions", () => {
    expect([...(visibleUntil([0, 1, 5], { ...limits, band: { sinks: 1, recent: 4 } }) ?? [])]).toEqual([forEver, 5, 9]);
  });

  it("takes the first of band, model window and own end", () => {
    const ends = [
      [100, 2, 100],
      [1, 100, 100],
    ];
    const all = { band: { sinks: 1, recent: 4 }, window: 3, ends };
    expect([...(visibleUntil([0, 1, 5], all) ?? [])]).toEqual([1, 2, 8]);
  });
});
