import { expect, it } from "vitest";
import { parseRecipe } from "./parse-recipe.js";
import { recipeRemarks, tokensPerStep } from "./recipe-remarks.js";

const recipe = (more = "") =>
  parseRecipe(`kind: retrofit\ncr: 4\nmodel: { from: demo }\ndata: { files: a.txt }\noutput: run\n${more}`, {
    path: "r",
  });

it("has nothing to say about what the dial chooses", () => {
  expect(recipeRemarks(recipe())).toEqual([]);
  expect(recipeRemarks(recipe("batch: { rows: 1 }"))).toEqual([]);
  expect(tokensPerStep(recipe("batch: { rows: 2, length: 100, accumulate: 3 }"))).toBe(600);
});

it.each([
  [
    "tokens: 500k",
    "takes 74 steps; decisions were seen to follow one of 240 steps of 4096 tokens. Give it a budget of 1.7M tokens",
  ],
  ["schedule: { decaySteps: 200 }", "25 of them before the ramp has ended"],
  ["method: { stages: { blank: 0 } }", "cut off at once"],
  ["method: { kind: dms, delay: 512 }", "longer than a row of 512"],
  ["method: { kind: dms, delay: 16 }\ndistill: null", "distill is null"],
])("remarks on %s", (more, text) => {
  const remarks = recipeRemarks(recipe(more));
  expect(remarks).toHaveLength(1);
  expect(remarks[0]).toContain(text);
});

it("says nothing of runs that compress nothing", () => {
  expect(recipeRemarks({ ...recipe(), method: undefined })).toEqual([]);
});
