import { describe, expect, it } from "vitest";
import { planOverwrites } from "./overwrite.js";
import { forEver } from "./visibility.js";

describe("planOverwrites", () => {
  it("appends at the lane's length, replaces elsewhere, and leaves the other slots alone", () => {
    // entries a b c; token d appends, token e replaces b
    expect(planOverwrites(3, [3, 1], 7)).toEqual({
      gone: [forEver, 8, forEver, forEver, forEver],
      place: [0, -1, 2, 3, 1],
    });
  });

  it("lets a token of the chunk replace another", () => {
    expect(planOverwrites(0, [0, 0, 0], 0)).toEqual({ gone: [1, 2, forEver], place: [-1, -1, 0] });
  });

  it("never leaves a hole: slots beyond the end append, negative ones are the first", () => {
    expect(planOverwrites(1, [9, -3], 4)).toEqual({ gone: [5, forEver, forEver], place: [-1, 1, 0] });
  });
});
