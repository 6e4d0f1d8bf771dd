import { describe, expect, it } from "vitest";
import { parseRecipe } from "../recipe/parse-recipe.js";
import { recipeDifferences } from "./recipe-differences.js";

const recipe = parseRecipe("kind: pretrain\nmodel: { from: demo }\noutput: x\nsteps: 9\ndata: { files: a.kvtok }\n", {
  path: "recipe.yaml",
});
const saved = () => JSON.parse(JSON.stringify(recipe)) as Record<string, unknown>;

describe("recipeDifferences", () => {
  it("finds none between a recipe and its own copy in a file", () => {
    expect(recipeDifferences(saved(), recipe)).toEqual([]);
  });

  it("lets folders, checkpoints and evaluations change", () => {
    const changed = { ...recipe, output: "y", checkpoint: { everySteps: 1, keep: 9 } };
    expect(recipeDifferences(saved(), changed)).toEqual([]);
  });

  it("names everything else that changed, with both values", () => {
    const changed = { ...recipe, steps: 10, batch: { ...recipe.batch, rows: 3 } };
    expect(recipeDifferences(saved(), changed)).toEqual([
      `batch.rows was ${recipe.batch.rows} and is 3`,
      "steps was 9 and is 10",
    ]);
  });
});
