import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import { describe, expect, it } from "vitest";

const hf = goldensPath("hf");
const indexOf = <T>(set: string): T | undefined => {
  const path = hf && join(hf, set, "index.json");
  return path && existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : undefined;
};

/** Selections after the prompt that are compared elsewhere: knorm is the example policy. */
const tested = ["knorm"];

const prefill = indexOf<{ models: Record<string, { cases: Record<string, { press: string }> }> }>("prefill-policies");
const quant = indexOf<{ file: string }>("quant");

describe("selections after the prompt (hf/prefill-policies)", () => {
  const presses = new Set(
    Object.values(prefill?.models ?? {})
      .flatMap(({ cases }) => Object.values(cases))
      .map(({ press }) => press),
  );

  it.skipIf(prefill === undefined)("have at least one that is compared", () => {
    expect(tested.filter((press) => presses.has(press))).toEqual(tested);
  });
  for (const press of presses) {
    if (!tested.includes(press)) it.todo(`${press} (needs its policy, which comes with the wider policy set)`);
  }
});

describe("coded entries (hf/quant)", () => {
  const file = quant && hf ? openSafetensors(join(hf, "quant", quant.file)) : undefined;
  const names = [...(file?.tensors.keys() ?? [])];
  file?.close();

  it.skipIf(file === undefined)("are there to compare with", () => {
    expect(names.length).toBeGreaterThan(2);
  });
  for (const name of names.filter((n) => n !== "k" && n !== "v")) {
    it.todo(`${name} (needs a store with codecs, which comes with quantised caches)`);
  }
});
