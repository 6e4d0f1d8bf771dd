import { dmc } from "@kvfold/dmc";
import { describe, expect, it } from "vitest";
import { dmcOptionsFromRetrofit, dmsOptionsFromRetrofit } from "./options-from-retrofit.js";
import { parseConfig } from "./parse-config.js";

const base = {
  model_type: "llama",
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 8,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
};

function optionsOf(block: object) {
  const { retrofit } = parseConfig({ ...base, ...block });
  if (retrofit?.method !== "dmc") throw new Error("no block of dmc");
  return dmcOptionsFromRetrofit(retrofit);
}

describe("dmcOptionsFromRetrofit", () => {
  it("takes every value of kvfold's own block", () => {
    const kvfold = {
      method: "dmc",
      neuron: "first",
      offset: 3,
      importance_epsilon: 0,
      window: null,
      target_cr: 4,
      layers: [3, 1],
      granularity: "layer",
    };
    expect(optionsOf({ kvfold })).toEqual({
      neuron: "first",
      offset: 3,
      epsilon: 0,
      window: null,
      layers: [1, 3],
      targetRatio: 4,
      granularity: "layer",
    });
  });

  it("takes the shorter block, in which window 0 means none", () => {
    expect(optionsOf({ dmc: { init_val: 5, window_size: 0, eps: 2 ** -7 } }).window).toBeNull();
    expect(dmc(optionsOf({ dmc: {} })).name).toBe("dmc");
  });

  it("layers that were left alone keep every token and lose no channel", () => {
    const policy = dmc(optionsOf({ dmc: { layers: [0, 2] } }));
    const traits = (layer: number) =>
      policy.forLayer({ layer, layers: 4, queryHeads: 4, kvHeads: 2, headDim: 4 }).traits;
    expect([0, 1, 2, 3].map((layer) => traits(layer).mergeWindow)).toEqual([12, undefined, 12, undefined]);
    expect(traits(1).borrowed).toBeUndefined();
  });
});

describe("dmsOptionsFromRetrofit", () => {
  it("takes every value of the block", () => {
    const block = { method: "dms", neuron: "first", offset: 3, logit_scale: 10, delay: 16, target_cr: 8, layers: [2] };
    const { retrofit } = parseConfig({ ...base, kvfold: block });
    if (retrofit?.method !== "dms") throw new Error("no block of dms");
    expect(dmsOptionsFromRetrofit(retrofit)).toEqual({
      neuron: "first",
      offset: 3,
      logitScale: 10,
      delay: 16,
      targetRatio: 8,
      layers: [2],
    });
  });
});
