import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KvfoldError } from "@kvfold/core";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import {
  bool,
  bytes,
  dict,
  float,
  global,
  int,
  list,
  none,
  type Pickled,
  str,
  tensor,
} from "../../test/megatron/pickle-writer.js";
import {
  type TinyCheckpoint,
  tinyArgs,
  tinyCheckpoint,
  tinyTensors,
  writeShards,
} from "../../test/megatron/tiny-checkpoint.js";
import { writeTokenizer } from "../../test/megatron/write-tokenizer.js";
import type { DmcRetrofitConfig } from "../config/retrofit-config.js";
import { convertToFolder } from "../convert/convert-to-folder.js";
import { convertToGguf } from "../convert/convert-to-gguf.js";
import { readModelFiles } from "../convert/read-model-files.js";
import { type MegatronOptions, readMegatronCheckpoint } from "./read-megatron-checkpoint.js";

const root = mkdtempSync(join(tmpdir(), "kvfold-megatron-read-"));
afterAll(() => rmSync(root, { recursive: true }));
const tokenizer = writeTokenizer(join(root, "tokenizer"));

let files = 0;
/** Opens a checkpoint of one rank. */
function open(checkpoint: TinyCheckpoint, options: MegatronOptions = { tokenizer }) {
  const path = join(root, `${files++}.pt`);
  writeFileSync(path, tinyCheckpoint(checkpoint));
  return readMegatronCheckpoint(path, "f32", options);
}
const withArgs = (more: Readonly<Record<string, Pickled>>) => ({ args: { ...tinyArgs, ...more } });
const without = (...keys: readonly string[]) => ({
  args: Object.fromEntries(Object.entries(tinyArgs).filter(([key]) => !keys.includes(key))),
});
const retrofitOf = (checkpoint: TinyCheckpoint, options?: MegatronOptions) => {
  const { source, config } = open(checkpoint, options);
  source.close();
  return config.retrofit as DmcRetrofitConfig | undefined;
};

describe("readMegatronCheckpoint", () => {
  it("takes the fused rows apart", () => {
    const { source } = open({});
    const qkv = (row: number) => Array.from({ length: 4 }, (_, column) => Math.fround(2 + row / 100 + column / 1000));
    const first = (name: string, row: number) => [
      ...source.readRowsFloat32(`model.layers.0.self_attn.${name}.weight`, row, 1),
    ];
    // Two groups, each of a query head, a key and a value of 4 rows.
    expect([0, 4, 7].map((row) => first("q_proj", row))).toEqual([0, 12, 15].map(qkv));
    expect([0, 4, 7].map((row) => first("k_proj", row))).toEqual([4, 16, 19].map(qkv));
    expect([0, 4, 7].map((row) => first("v_proj", row))).toEqual([8, 20, 23].map(qkv));
    expect(source.info("model.embed_tokens.weight")).toEqual({ shape: [29, 4], storage: "f32", byteLength: 464 });
    expect(() => source.readRowsFloat32("lm_head.weight", 28, 2)).toThrow(/rows 0 to 28/);
    expect(() => source.readFloat32("model.layers.1.mlp.up_proj.weight")).toThrow(/no tensor/);
    source.close();
  });

  it("turns rotated neighbours into halves, and only what is rotated", () => {
    const rows = (name: string, more: Readonly<Record<string, Pickled>>) => {
      const { source } = open(withArgs({ rotary_interleaved: bool(true), ...more }));
      const values = source.readFloat32(`model.layers.0.self_attn.${name}.weight`);
      source.close();
      return Array.from({ length: 8 }, (_, row) => Math.round(((values[4 * row] as number) - 2) * 100));
    };
    expect(rows("q_proj", {})).toEqual([0, 2, 1, 3, 12, 14, 13, 15]);
    expect(rows("k_proj", {})).toEqual([4, 6, 5, 7, 16, 18, 17, 19]);
    expect(rows("v_proj", {})).toEqual([8, 9, 10, 11, 20, 21, 22, 23]);
    expect(rows("q_proj", { rotary_percent: float(0.5) })).toEqual([0, 1, 2, 3, 12, 13, 14, 15]);
  });

  it("says what the arguments say", () => {
    const more = {
      group_query_attention: bool(true),
      num_query_groups: int(2),
      rotary_base: int(500_000),
      rotary_percent: float(0.5),
      use_rope_scaling: bool(true),
      use_rotary_position_embeddings: bool(true),
      position_embedding_type: str("learned_absolute"),
      pipeline_model_parallel_size: int(1),
      num_experts: none,
      data_path: list(str("a"), float(1)),
      model_type: bytes(global("megatron.core.enums", "ModelType"), "K\x01\x85R"),
    };
    const { source, config } = open(withArgs(more));
    source.close();
    expect(config).toMatchObject({ kvHeads: 2, headDim: 4, vocabSize: 29, maxPositions: 16, bosId: 1, eosIds: [2] });
    expect(config.rope).toMatchObject({ theta: 500_000, rotaryDim: 2, scaling: { type: "llama3", factor: 8 } });
    expect(config.tiedEmbeddings).toBe(false);
  });

  it("says how DMC compresses, and the ratio that training had reached", () => {
    const released = { offset: 5, window: 12, temperature: 0.1, neuron: "last", importanceEpsilon: 2 ** -23 };
    expect(retrofitOf({})).toMatchObject({ ...released, targetCompressionRatio: 4 });
    expect(retrofitOf(withArgs({ dmc_cr: float(8), dmc_window_size: int(0) }))).toMatchObject({
      targetCompressionRatio: 8,
      window: undefined,
    });
    const second = { dmc_finetune: bool(false), train_iters: int(400) };
    expect(retrofitOf(withArgs(second))).toMatchObject({ targetCompressionRatio: 1.75 });
    expect(retrofitOf(withArgs({ ...second, train_iters: int(50) }))).toMatchObject({ targetCompressionRatio: 4 });
    expect(retrofitOf(withArgs({ dmc_finetune: bool(false) }))?.targetCompressionRatio).toBeUndefined();
    const plain = without("dmc_init_val", "dmc_finetune");
    expect(retrofitOf(plain)).toBeUndefined();
    expect(retrofitOf(plain, { tokenizer, dmc: true })).toMatchObject({
      ...released,
      targetCompressionRatio: undefined,
    });
  });

  it("takes stage one only once its neurons are 0", () => {
    const stageOne = withArgs({ dmc_is_stage_one: bool(true) });
    expect(() => open(stageOne)).toThrow(/DMC's first stage.*\(layer 0, q_proj, head 0\).*final_output/);
    const tensors = tinyTensors();
    const qkv = tensors["decoder.layers.0.self_attention.linear_qkv.weight"]?.values as Float32Array;
    for (const row of [3, 7, 15, 19]) qkv.fill(0, 4 * row, 4 * row + 4);
    expect(retrofitOf({ ...stageOne, tensors })).toMatchObject({ targetCompressionRatio: 1 });
  });

  it.each<[string, TinyCheckpoint, RegExp]>([
    ["no layers", without("num_layers"), /args: "num_layers" is missing/],
    ["no hidden size", without("hidden_size"), /"hidden_size" is missing/],
    ["no vocabulary", without("padded_vocab_size"), /"padded_vocab_size" is missing/],
    ["no epsilon", without("norm_epsilon"), /"norm_epsilon" is missing/],
    ["text for a size", withArgs({ num_layers: str("1") }), /"num_layers" must be a number, but is "1"/],
    [
      "an object for a size",
      withArgs({ num_layers: bytes(global("torch", "device"), ")R") }),
      /must be a number, but is an object/,
    ],
    ["a huge size", withArgs({ num_layers: int(2 ** 30) }), /must be between 1 and 1024/],
    [
      "heads that do not divide",
      withArgs({ group_query_attention: bool(true), num_query_groups: int(3) }),
      /does not divide the 2/,
    ],
    [
      "pipeline stages",
      withArgs({ pipeline_model_parallel_size: int(2) }),
      /"pipeline_model_parallel_size" is 2: pipeline-parallel/,
    ],
    ["experts", withArgs({ num_experts: int(8) }), /"num_experts" is 8: mixture of experts are not supported/],
    ["layer norm", withArgs({ normalization: str("LayerNorm") }), /layer norm with a bias/],
    ["GELU", withArgs({ swiglu: bool(false) }), /an MLP that is not gated by SiLU/],
    ["biases", withArgs({ add_bias_linear: bool(true) }), /biases on linear layers/],
    ["biases by default", without("add_bias_linear"), /biases on linear layers/],
    [
      "learned positions",
      withArgs({ position_embedding_type: str("learned_absolute") }),
      /other positions than rotary/,
    ],
    ["an object for a flag", withArgs({ qk_layernorm: bytes("]") }), /"qk_layernorm" is "an object"/],
    [
      "no args",
      { root: { args: none } },
      /has no args, which say what the model is \(found: "args", "checkpoint_version"/,
    ],
    ["a dict for args", { root: { args: dict({}) } }, /has no args/],
    ["no model", { root: { model: none } }, /has no model/],
    ["several stages in one file", { root: { model0: dict({}) } }, /holds several pipeline stages/],
    ["a legacy model", { model: { language_model: dict({}) } }, /holds a legacy model/],
    ["an old version", { root: { checkpoint_version: float(2) } }, /has checkpoint version 2; supported is 3/],
    [
      "a further tensor",
      {
        model: {
          "decoder.layers.0.self_attention.q_layernorm.weight": tensor({ key: "0", elements: 128, shape: [4] }),
        },
      },
      /1 tensors that a Llama model of these arguments lacks: "decoder.layers.0.self_attention.q/,
    ],
    [
      "a tensor that is none",
      { model: { "output_layer.bias": str("x") } },
      /the model has "output_layer.bias": "x", which is no tensor/,
    ],
    [
      "a second norm",
      { model: { "decoder.layers.0.mlp.linear_fc1.layer_norm_weight": tensor({ key: "1", elements: 4, shape: [4] }) } },
      /has 2 of the tensors .*, of which it needs one/,
    ],
    [
      "a layer too many",
      withArgs({ num_layers: int(2) }),
      /has 0 of the tensors decoder.layers.1.self_attention.linear_qkv.layer_norm_weight/,
    ],
    [
      "an MLP of another size",
      withArgs({ ffn_hidden_size: int(8) }),
      /linear_fc1.weight has the shape \[12,4\], but the arguments say \[16,4\]/,
    ],
    [
      "groups of another number",
      withArgs({ group_query_attention: bool(true), num_query_groups: int(1) }),
      /linear_qkv.weight has the shape \[24,4\], but the arguments say \[16,4\]/,
    ],
    [
      "a tied output with a matrix",
      withArgs({ untie_embeddings_and_output_weights: bool(false) }),
      /lacks: "output_layer.weight"/,
    ],
    [
      "integer weights",
      {
        model: { "decoder.final_layernorm.weight": tensor({ key: "7", elements: 4, shape: [4], type: "IntStorage" }) },
      },
      /has the type i32; supported are f32, f16, bf16/,
    ],
    ["an absurd window", withArgs({ dmc_window_size: int(1 << 20) }), /"dmc_window_size" must be between 0 and 65536/],
  ])("refuses %s", (_, checkpoint, message) => {
    expect(() => open(checkpoint)).toThrow(KvfoldError);
    expect(() => open(checkpoint)).toThrow(message);
  });

  it("needs a tokenizer that fits", () => {
    expect(() => open({}, {})).toThrow(/holds no tokenizer; name the folder of a model .*--tokenizer FOLDER/);
    expect(() => open({}, { tokenizer: join(root, "absent") })).toThrow(/there is no such file/);
    mkdirSync(join(root, "bare"), { recursive: true });
    expect(() => open({}, { tokenizer: join(root, "bare") })).toThrow(/bare has no tokenizer.json; name the folder/);
    const large = writeTokenizer(join(root, "large"), 33);
    expect(() => open({}, { tokenizer: large })).toThrow(/has 33 ids, the vocabulary of .* only 32/);
    writeFileSync(join(root, "bare/tokenizer.json"), "{");
    expect(() => open({}, { tokenizer: join(root, "bare") })).toThrow(/tokenizer.json is not JSON/);
  });

  it("needs every shard, of one model and iteration", () => {
    const two = withArgs({ tensor_model_parallel_size: int(2) });
    const shards = (name: string, ...checkpoints: TinyCheckpoint[]) =>
      writeShards(join(root, name), checkpoints.map(tinyCheckpoint));
    const read = (path: string) => readMegatronCheckpoint(path, "f32", { tokenizer });
    expect(() => read(shards("one", two))).toThrow(
      /is one of 2 tensor-parallel shards, but 1 were found; name the folder/,
    );
    expect(() => read(shards("three", {}, {}, {}))).toThrow(/is one of 1 tensor-parallel shards, but 3 were found/);
    expect(() => read(shards("old", two, { ...two, root: { iteration: int(99) } }))).toThrow(
      /belongs to another model or iteration/,
    );
    const other = withArgs({ tensor_model_parallel_size: int(2), rotary_base: int(2) });
    expect(() => read(shards("other", two, other))).toThrow(
      /mp_rank_01.* belongs to another model or iteration than .*mp_rank_00/,
    );
    expect(() => read(shards("whole", two, two))).toThrow(/has the shape \[32,4\], but the arguments say \[16,4\]/);
  });

  it("leaves nothing behind, and takes its options for nothing else", async () => {
    const path = join(root, "hostile.pt");
    writeFileSync(path, tinyCheckpoint({ root: { hook: bytes(global("os", "system"), str("id"), "\x85R") } }));
    const before = readdirSync(root).sort();
    await expect(convertToFolder(path, join(root, "out"), { tokenizer })).rejects.toThrow(
      /it names "os.system", which no/,
    );
    await expect(convertToGguf(path, join(root, "out.gguf"))).rejects.toThrow(/convert it to a folder first/);
    expect(readdirSync(root).sort()).toEqual(before);
    await expect(readModelFiles(tokenizer, "f32", { tokenizer })).rejects.toThrow(/is no Megatron checkpoint/);
  });

  it("gives a clear error or the whole model, whatever byte of a file is changed or missing", () => {
    const whole = tinyCheckpoint();
    const path = join(root, "damaged.pt");
    const check = (damaged: Uint8Array) => {
      writeFileSync(path, damaged);
      try {
        const { source } = readMegatronCheckpoint(path, "f32", { tokenizer });
        for (const name of source.names()) {
          const { shape } = source.info(name);
          expect(source.readFloat32(name).length).toBe(shape.reduce((product, size) => product * size, 1));
        }
        source.close();
      } catch (error) {
        if (!KvfoldError.isInstance(error)) throw error;
      }
    };
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
        const damaged = whole.slice();
        damaged[at] = value;
        check(damaged);
      }),
      { numRuns: 150 },
    );
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (length) => check(whole.slice(0, length))),
      { numRuns: 40 },
    );
  });
});
