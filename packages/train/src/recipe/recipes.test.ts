import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseRecipe } from "./parse-recipe.js";
import { recipeKeys, recipeTable } from "./recipe-reference.js";

const folder = fileURLToPath(new URL("../../recipes/", import.meta.url));
const readme = fileURLToPath(new URL("../../README.md", import.meta.url));
const notes = new Map(recipeKeys().map((key) => [key.key, key]));
const read = (name: string) => readFileSync(folder + name, "utf8");

describe.each(readdirSync(folder))("%s", (name) => {
  it("loads, and gives its kind of run steps to do", () => {
    const recipe = parseRecipe(read(name), { path: folder + name });
    expect(recipe.steps).toBeGreaterThan(0);
    expect(recipe.kind).toBe(
      name.startsWith("retrofit") ? "retrofit" : name.startsWith("uptrain") ? "uptrain" : "pretrain",
    );
    const { blank = 0, ramp = 0, solidify = 0 } = recipe.method?.stages ?? {};
    expect(recipe.method === undefined || blank + ramp + solidify === recipe.steps).toBe(true);
  });

  it("says above every key what it means, what it must be and its default", () => {
    for (const { key, comment } of commentedKeys(read(name))) {
      const {
        meaning,
        type,
        default: fallback,
        section,
      } = notes.get(key) ?? expect.fail(`${key} is not in the schema`);
      const expected = [`${meaning}.`];
      if (!section || fallback !== "")
        expected.push(`${type}; ${fallback.startsWith("required") ? "" : "default: "}${fallback}`);
      expect(comment.slice(0, expected.length), key).toEqual(expected);
    }
  });
});

it("retrofit-dmc-llama-7b.yaml has the constants of the released code", () => {
  expect(parseRecipe(read("retrofit-dmc-llama-7b.yaml"), { path: `${folder}x` })).toMatchObject({
    steps: 8250,
    batch: { rows: 4, length: 4096, accumulate: 256 },
    optimizer: { adamw: { learningRate: 3e-5, betas: [0.9, 0.95], weightDecay: 0.1 }, clip: 1 },
    schedule: { decaySteps: 2000, minimum: 0.1 },
    method: {
      window: 12,
      offset: 5,
      temperature: 0.1,
      neuron: "last",
      stages: { blank: 250, ramp: 6000, solidify: 2000 },
    },
  });
});

it("the README lists every key", () => {
  const table = (text: string) => text.split("\n").map((line) => line.replace(/\s+/g, " ").replace(/-{3,}/g, "---"));
  expect(
    table(readFileSync(readme, "utf8"))
      .filter((line) => line.startsWith("|"))
      .join("\n"),
  ).toContain(table(recipeTable()).join("\n"));
});

/** Keys of a recipe with the lines of the comment above each. */
function commentedKeys(text: string): { key: string; comment: string[] }[] {
  const keys: { key: string; comment: string[] }[] = [];
  let path: string[] = [];
  let comment: string[] = [];
  for (const line of text.split("\n")) {
    const [, indent = "", name] = /^( *)(\w+):/.exec(line) ?? [];
    const remark = /^ *# ?(.*)$/.exec(line)?.[1];
    if (name !== undefined) {
      path = [...path.slice(0, indent.length / 2), name];
      // the fields of a model's config are those of Hugging Face
      if (!(path.length > 2 && path[1] === "config")) keys.push({ key: path.join("."), comment });
    }
    comment = remark === undefined ? [] : [...comment, remark];
  }
  return keys;
}
