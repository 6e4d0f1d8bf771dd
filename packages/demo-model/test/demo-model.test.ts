import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, it } from "vitest";
import * as imported from "../index.js";

it("is the same from ES modules and CommonJS", () => {
  const required = createRequire(import.meta.url)("../index.cjs") as typeof imported;
  expect(required).toEqual({ modelPath: imported.modelPath, pagePath: imported.pagePath });
});

it("holds the weights that were trained, byte for byte", () => {
  const weights = readFileSync(join(imported.modelPath, "model.safetensors"));
  expect(createHash("sha256").update(weights).digest("hex")).toBe(
    "fdd5fe519bc06e8df8afbbbe5d620c34d2649b359fd36ded65fdc3f0970b4f1a",
  );
});
