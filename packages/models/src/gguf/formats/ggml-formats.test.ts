import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors, storageTypes } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import { describe, expect, it } from "vitest";
import { ggmlFormats } from "./ggml-formats.js";

interface Case {
  type: string;
  ggml_type: number;
  block_values: number;
  block_bytes: number;
}

const folder = goldensPath("gguf");
if (folder === undefined) {
  it.skip("GGUF goldens (this set of goldens has no folder gguf)", () => {});
} else {
  const cases = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as Case[];
  const goldens = openSafetensors(join(folder, "blocks.safetensors"));

  describe.each(cases)("$type", ({ type, ggml_type, block_values, block_bytes }) => {
    it("decodes to the reference's float32 values, bit for bit", () => {
      const format = ggmlFormats.get(ggml_type);
      expect(format).toMatchObject({ name: type.toLowerCase(), blockValues: block_values, blockBytes: block_bytes });
      const expected = goldens.readFloat32(`${type}.values`);
      const actual = format?.unpack(goldens.readBytes(`${type}.bytes`)) as Float32Array;
      expect(actual.length).toBe(expected.length);
      expect(firstDifference(actual, expected)).toBeUndefined();
    });
  });

  const encoded = [...goldens.tensors.keys()].filter((name) => /^quantize\.(?!input)/.test(name));
  const input = goldens.readFloat32("quantize.input");
  const storageOf = (name: string) => storageTypes[name.slice(9).toLowerCase() as keyof typeof storageTypes];

  it.each(encoded)("%s: encodes to the same bytes", (name) => {
    expect(storageOf(name).pack(input)).toEqual(goldens.readBytes(name));
  });

  it("has encoder cases", () => expect(encoded.length).toBeGreaterThanOrEqual(7));
}

/** Compares bits, so that -0 and NaN count; zeros of either sign are told apart. */
function firstDifference(actual: Float32Array, expected: Float32Array): string | undefined {
  for (let i = 0; i < actual.length; i++) {
    if (!Object.is(actual[i], expected[i])) return `value ${i}: ${actual[i]}, expected ${expected[i]}`;
  }
  return undefined;
}
