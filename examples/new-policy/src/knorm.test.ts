import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chooseBackend, openSafetensors } from "@kvfold/core";
import { goldensPath, repositoryRoot } from "@kvfold/core/testing";
import { count, definePolicy, parsePolicy, policyTable } from "@kvfold/kv-cache";
import { describePolicies } from "@kvfold/kv-cache/testing";
import { Decoder, loadDecoderWeights, openHfFolder, parseConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { knorm } from "./knorm.js";

// the row that enrols the policy in every law
describePolicies([{ policy: () => knorm({ budget: 5 }), budget: 5, allAppend: () => knorm({ budget: 1000 }) }]);

// the row that makes it a SPEC
const knormDefinition = definePolicy({
  name: "knorm",
  summary: "Keeps the entries with the smallest key norms.",
  options: { budget: count("entries of each KV head", "256") },
  make: knorm,
});

it("is written as a SPEC", () => {
  expect(parsePolicy("knorm:budget=64", [...policyTable, knormDefinition]).name).toBe("knorm:budget=64");
});

it("is the code of the recipe", () => {
  const root = repositoryRoot();
  const recipe = readFileSync(join(root, "docs/recipes/add-a-policy.md"), "utf8");
  expect(recipe).toContain(readFileSync(join(root, "examples/new-policy/src/knorm.ts"), "utf8"));
});

const hf = goldensPath("hf") as string;
const index = JSON.parse(readFileSync(join(hf, "prefill-policies/index.json"), "utf8")) as {
  models: Record<string, { file: string; cases: Record<string, { press: string }> }>;
};

describe.each(Object.entries(index.models))("after the prompt, on %s", (name, { file, cases }) => {
  it.each(Object.keys(cases).filter((title) => cases[title]?.press === "knorm"))(
    "%s keeps what kvpress keeps",
    async (title) => {
      await chooseBackend({ prefer: "wasm" });
      using golden = openSafetensors(join(hf, "prefill-policies", file));
      const folder = join(hf, "models", name);
      const config = parseConfig(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")));
      using source = openHfFolder(folder);
      const table = "model.embed_tokens.weight";
      const embedding = tf.tensor2d(source.readFloat32(table), source.info(table).shape as [number, number]);
      const decoder = new Decoder(config, { ...loadDecoderWeights(source, config), embedding });
      const [, heads = 0, tokens = 0] = golden.entry(`${title}.keep`).shape;
      const keep = golden.read(`${title}.keep`) as Uint8Array;
      const budget = keep.subarray(0, tokens).reduce((a, b) => a + b, 0);
      using cache = decoder.createCache(knorm({ budget }));
      decoder.forward(cache, [golden.read("input_ids") as Int32Array], { endOfPrefill: true }).dispose();
      for (let layer = 0; layer < config.layers; layer++) {
        const step = { rows: [0], tokens: 1, lengths: [1], starts: [tokens] };
        const kept = tf.tidy(() => cache.layer(layer).context(step).column("position").arraySync()) as number[][][];
        for (let head = 0; head < heads; head++) {
          const start = (layer * heads + head) * tokens;
          const wanted = [...keep.subarray(start, start + tokens)].flatMap((k, position) => (k ? [position] : []));
          expect(kept[0]?.[head]).toEqual(wanted);
        }
      }
      decoder.dispose();
    },
  );
});
