import { encodeSafetensors, memorySource, openSafetensors, type SafetensorsInput } from "@kvfold/core";
import { parseConfig, safetensorsSource } from "@kvfold/models";
import { expect, it } from "vitest";
import { poolKvHeads } from "./pool-kv-heads.js";

const config = parseConfig({
  model_type: "qwen2",
  hidden_size: 4,
  head_dim: 2,
  intermediate_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  vocab_size: 8,
});

const attention = "model.layers.0.self_attn";
const counted = (shape: number[]): SafetensorsInput => ({
  dtype: "F32",
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
});
const source = safetensorsSource(
  openSafetensors(
    memorySource(
      encodeSafetensors({
        [`${attention}.k_proj.bias`]: counted([8]),
        [`${attention}.k_norm.weight`]: counted([2]),
        [`${attention}.q_proj.weight`]: counted([8, 1]),
        [`${attention}.qkv_proj.weight`]: counted([24, 1]),
      }),
    ),
  ),
);

it("pools biases, and leaves queries and the norm of one head alone", () => {
  const pooled = poolKvHeads(source, config, 2);
  expect(pooled.info(`${attention}.k_proj.bias`)).toEqual({ shape: [4], storage: "f32", byteLength: 16 });
  expect([...pooled.readFloat32(`${attention}.k_proj.bias`)]).toEqual([1, 2, 5, 6]);
  for (const name of [`${attention}.k_norm.weight`, `${attention}.q_proj.weight`]) {
    expect(pooled.info(name)).toEqual(source.info(name));
    expect(pooled.readFloat32(name)).toEqual(source.readFloat32(name));
  }
  expect(pooled.names()).toEqual(source.names());
});

it("pools the keys and values inside of fused projections", () => {
  const pooled = poolKvHeads(source, config, 1);
  const name = `${attention}.qkv_proj.weight`;
  expect(pooled.info(name).shape).toEqual([12, 1]);
  expect([...pooled.readFloat32(name)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 19, 20]);
});

it("gives rows, bytes and values alike, but nothing as it is stored", () => {
  const pooled = poolKvHeads(source, config, 2);
  const name = `${attention}.k_proj.bias`;
  const into = new Float32Array(2);
  expect(pooled.readRowsFloat32(name, 1, 2, into)).toBe(into);
  expect([...into]).toEqual([2, 5]);
  expect([...pooled.readRowsFloat32(name, 3, 1)]).toEqual([6]);
  expect([...new Float32Array(pooled.readBytes(name).buffer)]).toEqual([1, 2, 5, 6]);
  expect(pooled.packed(name)).toBeUndefined();
});

it.each([0, 3, 8, 1.5])("refuses %d heads of 4", (kvHeads) => {
  expect(() => poolKvHeads(source, config, kvHeads)).toThrow(/4 KV heads cannot be pooled to .*; give a divisor of 4/);
});
