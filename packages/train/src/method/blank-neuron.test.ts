import { chooseBackend } from "@kvfold/core";
import { parseConfig } from "@kvfold/models";
import { beforeAll, describe, expect, it } from "vitest";
import { Parameters } from "../model/parameters.js";
import { blankNeuron } from "./blank-neuron.js";

beforeAll(() => chooseBackend());

const fields = {
  model_type: "qwen2", // has biases on q, k and v
  hidden_size: 8,
  intermediate_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 2,
  vocab_size: 6,
};

function zeroRowsOf(parameters: Parameters, name: string): number[] {
  const tensor = parameters.get(name);
  const values = tensor.dataSync();
  const rows = tensor.shape[0] as number;
  const width = tensor.size / rows;
  return Array.from({ length: rows }, (_, row) => row).filter((row) =>
    values.subarray(row * width, (row + 1) * width).every((value) => value === 0),
  );
}

describe("blankNeuron", () => {
  it("takes the channel from all heads of q and k, in every layer, and from nothing else", () => {
    using parameters = Parameters.make(parseConfig(fields), (_, shape) =>
      new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1),
    );
    blankNeuron(parameters, 1);
    for (const name of parameters.names) {
      const rows = zeroRowsOf(parameters, name);
      if (/q_proj/.test(name)) expect(rows).toEqual([1, 3, 5, 7]);
      else if (/k_proj/.test(name)) expect(rows).toEqual([1, 3]);
      else expect(rows).toEqual([]);
    }
  });

  it("takes it from the first query head of each group only, for delayed eviction", () => {
    using parameters = Parameters.make(parseConfig(fields), (_, shape) =>
      new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1),
    );
    blankNeuron(parameters, 0, { queries: "first-of-group", keys: false });
    expect(zeroRowsOf(parameters, "model.layers.1.self_attn.q_proj.weight")).toEqual([0, 4]);
    expect(zeroRowsOf(parameters, "model.layers.1.self_attn.q_proj.bias")).toEqual([0, 4]);
    expect(zeroRowsOf(parameters, "model.layers.1.self_attn.k_proj.weight")).toEqual([]);
  });

  it("finds the rows of fused projections", () => {
    const phi = { ...fields, model_type: "phi3", hidden_size: 8, num_key_value_heads: 2 };
    using parameters = Parameters.make(parseConfig(phi), (_, shape) =>
      new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1),
    );
    blankNeuron(parameters, 1);
    expect(zeroRowsOf(parameters, "model.layers.0.self_attn.qkv_proj.weight")).toEqual([1, 3, 5, 7, 9, 11]);
  });
});
