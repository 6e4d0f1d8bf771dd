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
  [imported.modelPath, "1d136bcaf4cf87acd3ff1198bf9463f04577b2525f8ea268bd4d5ce32717fa28"],
  [imported.dmsPath, "e83c638363d1073e5818c611ad0649c0144bbfc44e422822bfd5addaf652a20d"],
  [imported.controlPath, "a42e56c240d9b1731314612a68fa5847134f92c56228926f85d1d61b85e88fb6"],
  [imported.plainPath, "505541204f94cde6850f501c8a708ca548695f7e608cf59ced5c65f3d1fd9201"],
])("holds the weights that were trained, byte for byte: %s", (folder, hash) => {
  const weights = readFileSync(join(folder, "model.safetensors"));
  expect(createHash("sha256").update(weights).digest("hex")).toBe(hash);
});
