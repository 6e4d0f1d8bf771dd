import { parsePolicy } from "@kvfold/kv-cache";
import { expect, it } from "vitest";
import { modelPolicies } from "./model-policies.js";
import { parseConfig } from "./parse-config.js";

const json = {
  model_type: "llama",
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 256,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
};

it("has every policy, with the released values of dmc for a plain model", () => {
  expect(modelPolicies().map(({ name }) => name)).toEqual(["full", "window", "h2o", "tova", "perLayer", "dmc", "dms"]);
  expect(parsePolicy("dmc", modelPolicies(parseConfig(json))).name).toBe("dmc");
});

it("runs a retrofitted model as it was trained, unless the SPEC says otherwise", () => {
  const config = parseConfig({
    ...json,
    kvfold: { method: "dmc", neuron: "first", offset: 4, window: 0, layers: [1, 2] },
  });
  const table = modelPolicies(config);
  expect(parsePolicy("dmc", table).name).toBe("dmc:neuron=first,offset=4,window=none,layers=1+2");
  expect(parsePolicy("dmc:offset=5,window=12", table).name).toBe("dmc:neuron=first,layers=1+2");
});

it("runs a model retrofitted with dms as it was trained", () => {
  const config = parseConfig({ ...json, kvfold: { method: "dms", delay: 16, granularity: "layer", target_cr: 4 } });
  expect(parsePolicy("dms", modelPolicies(config)).name).toBe("dms:delay=16,granularity=layer,targetRatio=4");
  expect(parsePolicy("dmc", modelPolicies(config)).name).toBe("dmc");
});
