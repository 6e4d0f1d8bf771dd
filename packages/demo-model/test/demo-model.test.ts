import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, it } from "vitest";
import * as imported from "../index.js";

it("is the same from ES modules and CommonJS", () => {
  const required = createRequire(import.meta.url)("../index.cjs") as typeof imported;
  const { modelPath, plainPath, pagePath } = imported;
  expect(required).toEqual({ modelPath, plainPath, pagePath });
});

it.each([
  [imported.modelPath, "ac963b0539242c41d3aa75f3d860d853a24abd47dd96319f303f248a8f38ef5a"],
  [imported.plainPath, "505541204f94cde6850f501c8a708ca548695f7e608cf59ced5c65f3d1fd9201"],
])("holds the weights that were trained, byte for byte: %s", (folder, hash) => {
  const weights = readFileSync(join(folder, "model.safetensors"));
  expect(createHash("sha256").update(weights).digest("hex")).toBe(hash);
});
