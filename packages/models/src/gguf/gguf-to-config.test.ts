import { memorySource, storageTypes } from "@kvfold/core";
import { describe, expect, it } from "vitest";
import { encodeGguf, type Pair, type Tensor } from "../../test/encode-gguf.js";
import { openGguf } from "../weights/open-gguf.js";

const sizes: Pair[] = [
  { key: "general.architecture", type: "string", value: "llama" },
  { key: "llama.block_count", type: "u32", value: 1 },
  { key: "llama.context_length", type: "u32", value: 100 },
  { key: "llama.embedding_length", type: "u32", value: 256 },
  { key: "llama.feed_forward_length", type: "u32", value: 32 },
  { key: "llama.attention.head_count", type: "u32", value: 4 },
  { key: "llama.rope.freq_base", type: "f32", value: 500000 },
  { key: "llama.attention.layer_norm_rms_epsilon", type: "f32", value: 1e-5 },
];

function open(changes: Pair[], extra: Tensor[] = []) {
  const changed = new Set(changes.map(({ key }) => key));
  const f32 = (name: string, ne: number[], values: Float32Array): Tensor => ({
    name,
    ne,
    format: storageTypes.f32,
    bytes: storageTypes.f32.pack(values),
  });
  const embedding = f32("token_embd.weight", [256, 8], new Float32Array(2048));
  return openGguf(
    memorySource(encodeGguf([...sizes.filter(({ key }) => !changed.has(key)), ...changes], [embedding, ...extra])),
  );
}

describe("ggufToConfig", () => {
  it("uses the defaults of absent keys", () => {
    expect(open([]).config()).toMatchObject({
      num_key_value_heads: 4,
      head_dim: 64,
      vocab_size: 8,
      rope_scaling: null,
      tie_word_embeddings: true,
    });
  });

  it("takes one head count for all layers, also as a list", () => {
    const perLayer = (value: number[]): Pair => ({
      key: "llama.attention.head_count_kv",
      type: "array",
      of: "i32",
      value,
    });
    expect(open([perLayer([2, 2])]).config().num_key_value_heads).toBe(2);
    expect(() => open([perLayer([2, 4])])).toThrow(/differs between layers \(2,4\)/);
  });

  it("reads linear and yarn scaling", () => {
    const scaling = (type: string, more: Pair[] = []): Pair[] => [
      { key: "llama.rope.scaling.type", type: "string", value: type },
      { key: "llama.rope.scaling.factor", type: "f32", value: 4 },
      ...more,
    ];
    expect(open(scaling("linear")).config().rope_scaling).toEqual({ rope_type: "linear", factor: 4 });
    expect(
      open(
        scaling("yarn", [
          { key: "llama.rope.scaling.original_context_length", type: "u32", value: 25 },
          { key: "llama.rope.scaling.attn_factor", type: "f32", value: 1 },
        ]),
      ).config().rope_scaling,
    ).toEqual({
      rope_type: "yarn",
      factor: 4,
      original_max_position_embeddings: 25,
      attention_factor: 1 + 0.1 * Math.log(4),
    });
    expect(() => open(scaling("longrope")).config()).toThrow(/"longrope"; none, linear, yarn and llama3/);
  });

  it("recognises llama3 scaling in the file's factors, and no other", () => {
    // What llama.cpp's converter writes for factor 8, low 1, high 4, original context 8192, theta 500,000, 64 wide heads.
    const factors = Float32Array.from({ length: 32 }, (_, i) => {
      const wavelength = 2 * Math.PI * 500000 ** ((2 * i) / 64);
      if (wavelength < 2048) return 1;
      if (wavelength > 8192) return 8;
      return 1 / ((1 - (8192 / wavelength - 1) / 3) / 8 + (8192 / wavelength - 1) / 3);
    });
    expect(new Set(factors).size).toBeGreaterThan(3);
    const freqs = (values: Float32Array): Tensor => ({
      name: "rope_freqs.weight",
      ne: [values.length],
      format: storageTypes.f32,
      bytes: storageTypes.f32.pack(values),
    });
    expect(open([], [freqs(factors)]).config().rope_scaling).toEqual({
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    });
    expect(() => open([], [freqs(factors.map((x) => x + 0.1))]).config()).toThrow(/in another way than Llama 3/);
    expect(() => open([], [freqs(factors.subarray(1))]).config()).toThrow(/in another way than Llama 3/);
  });

  it.each<[string, Pair, RegExp]>([
    [
      "another architecture",
      { key: "general.architecture", type: "string", value: "mamba" },
      /"mamba"; .* supported: llama, qwen2/,
    ],
    ["a mixture of experts", { key: "llama.expert_count", type: "u32", value: 8 }, /mixture of experts/],
    [
      "heads that do not divide",
      { key: "llama.attention.head_count_kv", type: "u32", value: 3 },
      /not a possible attention/,
    ],
    ["no heads", { key: "llama.attention.head_count", type: "u32", value: 0 }, /not a possible attention/],
    ["a size that is text", { key: "llama.block_count", type: "string", value: "1" }, /block_count should be a number/],
  ])("refuses %s", (_, change, message) => {
    expect(() => open([change]).config()).toThrow(message);
  });
});
