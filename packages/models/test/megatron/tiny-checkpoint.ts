import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  bool,
  bytes,
  dict,
  float,
  global,
  int,
  namespace,
  type Pickled,
  pickle,
  str,
  tensor,
} from "./pickle-writer.js";
import { zip } from "./zip-writer.js";

/** A tensor of a checkpoint: its elements, in f32. */
export interface TinyTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Arguments of the tiny model: 1 layer, hidden 4, 2 heads of 4, MLP 6, 29 tokens padded to 32; DMC's last stage. */
export const tinyArgs: Readonly<Record<string, Pickled>> = {
  num_layers: int(1),
  hidden_size: int(4),
  ffn_hidden_size: int(6),
  num_attention_heads: int(2),
  kv_channels: int(4),
  max_position_embeddings: int(16),
  padded_vocab_size: int(32),
  norm_epsilon: float(1e-5),
  normalization: str("RMSNorm"),
  swiglu: bool(true),
  add_bias_linear: bool(false),
  position_embedding_type: str("rope"),
  untie_embeddings_and_output_weights: bool(true),
  tensor_model_parallel_size: int(1),
  dmc_init_val: float(5),
  dmc_finetune: bool(true),
};

const SHAPES: Readonly<Record<string, readonly number[]>> = {
  "embedding.word_embeddings.weight": [32, 4],
  "decoder.layers.0.input_layernorm.weight": [4],
  "decoder.layers.0.self_attention.linear_qkv.weight": [24, 4],
  "decoder.layers.0.self_attention.linear_proj.weight": [4, 8],
  "decoder.layers.0.pre_mlp_layernorm.weight": [4],
  "decoder.layers.0.mlp.linear_fc1.weight": [12, 4],
  "decoder.layers.0.mlp.linear_fc2.weight": [4, 6],
  "decoder.final_layernorm.weight": [4],
  "output_layer.weight": [32, 4],
};

/** Tensors of the tiny model: row r, column c of the n-th has the value n + r / 100 + c / 1000. */
export function tinyTensors(): Record<string, TinyTensor> {
  const tensors = Object.entries(SHAPES).map(([name, shape], n): [string, TinyTensor] => {
    const columns = shape[1] ?? 1;
    const values = new Float32Array((shape[0] as number) * columns);
    for (let i = 0; i < values.length; i++) values[i] = n + Math.floor(i / columns) / 100 + (i % columns) / 1000;
    return [name, { shape, values }];
  });
  return Object.fromEntries(tensors);
}

/** What a checkpoint holds; anything can be left out or replaced. */
export interface TinyCheckpoint {
  readonly args?: Readonly<Record<string, Pickled>>;
  readonly tensors?: Readonly<Record<string, TinyTensor>>;
  /** Further entries of the state dict, and of the whole. */
  readonly model?: Readonly<Record<string, Pickled>>;
  readonly root?: Readonly<Record<string, Pickled>>;
}

/** Test helper: the bytes of a checkpoint of the tiny model. */
export function tinyCheckpoint({ args = tinyArgs, tensors = tinyTensors(), model, root }: TinyCheckpoint = {}) {
  const entries = Object.entries(tensors);
  const state = entries.map(([name, { shape, values }], key): [string, Pickled] => [
    name,
    tensor({ key: String(key), elements: values.length, shape }),
  ]);
  const data = pickle(
    dict({
      args: namespace(args),
      checkpoint_version: float(3),
      iteration: int(100),
      model: bytes(
        global("collections", "OrderedDict"),
        ")R(",
        ...items({ ...Object.fromEntries(state), ...model }),
        "u",
      ),
      ...root,
    }),
  );
  return zip([
    { name: "model_optim_rng/data.pkl", bytes: data },
    { name: "model_optim_rng/byteorder", bytes: new TextEncoder().encode("little") },
    ...entries.map(([, { values }], key) => ({
      name: `model_optim_rng/data/${key}`,
      bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    })),
  ]);
}

function items(entries: Readonly<Record<string, Pickled>>): Pickled[] {
  return Object.entries(entries).flatMap(([key, value]) => [str(key), value]);
}

/** Test helper: writes shards as training does; the folder's path. */
export function writeShards(folder: string, shards: readonly Uint8Array[]): string {
  shards.forEach((shard, rank) => {
    const path = join(folder, `mp_rank_${String(rank).padStart(2, "0")}`);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "model_optim_rng.pt"), shard);
  });
  return folder;
}
