import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend } from "@kvfold/core";
import { dmsPath, modelPath, pagePath, plainPath } from "@kvfold/demo-model";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseRecipe } from "../recipe/parse-recipe.js";
import { listCheckpoints } from "./checkpoint.js";
import { train } from "./train.js";

let folder: string;
beforeAll(async () => {
  await chooseBackend();
  folder = mkdtempSync(join(tmpdir(), "kvfold-decisions-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function retrofit(from: string, method: object, dryRun = true): Promise<unknown> {
  const recipe = {
    kind: "retrofit",
    cr: 4,
    steps: 2,
    model: { from },
    data: { files: pagePath, heldOut: 100 },
    batch: { rows: 1, length: 24 },
    evaluate: { tokens: 50, everySteps: 100 },
    output: dryRun ? "tried" : "run",
    distill: null,
    method: { stages: { blank: 0, ramp: 1, solidify: 1 }, ...method },
  };
  return train(parseRecipe(JSON.stringify(recipe), { path: join(folder, "recipe.yaml") }), { dryRun });
}

it("goes on from models that decide as the recipe does", async () => {
  await retrofit(modelPath, { kind: "dmc", offset: 1 });
  await retrofit(dmsPath, { kind: "dms", logitScale: 10, delay: 4 });
}, 60_000);

it.each([
  [
    modelPath,
    { kind: "dmc", offset: 2 },
    /learnt to compress with method\.offset: 1; this recipe has method\.offset: 2,/,
  ],
  [modelPath, { kind: "dms", offset: 1 }, /method\.kind: dmc; this recipe has method\.kind: dms/],
  [dmsPath, { kind: "dms" }, /method\.logitScale: 10; this recipe has method\.logitScale: 100/],
  [
    dmsPath,
    { kind: "dmc" },
    /method\.kind: dms, method\.logitScale: 10; this recipe has method\.kind: dmc, method\.logitScale: none/,
  ],
])("refuses to read decisions otherwise than they were learnt: %s, %o", async (from, method, message) => {
  await expect(retrofit(from, method)).rejects.toMatchObject({
    code: "retrofit-start",
    message: expect.stringMatching(message),
  });
});

it("asks checkpoints as well as models", async () => {
  await retrofit(plainPath, { kind: "dmc", offset: 2 }, false);
  const checkpoint = listCheckpoints(join(folder, "run/checkpoints")).at(-1) as string;
  await expect(retrofit(checkpoint, { kind: "dmc" })).rejects.toMatchObject({ code: "retrofit-start" });
  await retrofit(checkpoint, { kind: "dmc", offset: 2 });
}, 60_000);
