import { describe, expect, it } from "vitest";
import { closedStates } from "./closed-states.js";

describe("closedStates", () => {
  it("takes the last state of every segment, the open one included", () => {
    // lane 0: segments 01|2|3; lane 1 goes on with what it had: 012|3
    const found = closedStates([0, 1, 0, 0, 1, 1, 1, 0], 4, [4, 4]);
    expect(found).toEqual({ indices: [1, 2, 3, 6, 7], counts: [3, 2], continues: [false, true] });
  });

  it("does not look at padding", () => {
    expect(closedStates([0, 1, 1, 1], 4, [2])).toEqual({ indices: [1], counts: [1], continues: [false] });
  });
});
