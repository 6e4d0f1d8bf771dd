import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { formatRecipe } from "./format-recipe.js";
import { parseRecipe } from "./parse-recipe.js";

const folder = fileURLToPath(new URL("../../recipes/", import.meta.url));

it.each(readdirSync(folder))("writes %s so that it reads back the same, wherever it lies", (name) => {
  const recipe = parseRecipe(readFileSync(folder + name, "utf8"), { path: folder + name, parameters: 7e9 });
  expect(parseRecipe(formatRecipe(recipe), { path: "/elsewhere/r.yaml" })).toEqual(recipe);
});

it("keeps what is no plain number", () => {
  const text =
    "kind: retrofit\ncr: 2.5\nmodel: { from: demo }\ndata: { files: a }\noutput: b\noptimizer: { clip: .inf }\n";
  const recipe = parseRecipe(`${text}method: { kind: dmc, window: null }\n`, { path: "r" });
  expect(parseRecipe(formatRecipe(recipe), { path: "/elsewhere/r.yaml" })).toEqual(recipe);
});
