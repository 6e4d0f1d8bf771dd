import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, it } from "vitest";
import * as imported from "../index.js";

it("is the same from ES modules and CommonJS", () => {
  const required = createRequire(import.meta.url)("../index.cjs") as typeof imported;
  const { modelPath, dmsPath, plainPath, controlPath, pagePath } = imported;
  expect(required).toEqual({ modelPath, dmsPath, plainPath, controlPath, pagePath });
});

it.each([
  [imported.modelPath, "6b1594085052c6ef2c166867f64c18b5d74559a841afaf9992cfa5a235d3ab5d"],
  [imported.dmsPath, "e83c638363d1073e5818c611ad0649c0144bbfc44e422822bfd5addaf652a20d"],
  [imported.controlPath, "3bdd1f7f9e88d129bf64c1ad3ba74aa66a97bdebb36a197e73cd879c1498811d"],
  [imported.plainPath, "505541204f94cde6850f501c8a708ca548695f7e608cf59ced5c65f3d1fd9201"],
])("holds the weights that were trained, byte for byte: %s", (folder, hash) => {
  const weights = readFileSync(join(folder, "model.safetensors"));
  expect(createHash("sha256").update(weights).digest("hex")).toBe(hash);
});
