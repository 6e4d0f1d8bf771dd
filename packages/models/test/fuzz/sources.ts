import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeSafetensors, memorySource, type SafetensorsInput, storageTypes } from "@kvfold/core";
import { goldensPath, sharedPath } from "@kvfold/core/testing";
import { parseGgufHeader } from "../../src/gguf/parse-gguf-header.js";
import { readStoredZip } from "../../src/megatron/stored-zip.js";
import { ggufToTokenizerJson } from "../../src/tokenizer/gguf-tokenizer.js";
import { ggufOfFolder } from "../gguf-of-folder.js";
import { tinyTokenizer } from "../tiny-tokenizer.js";

/** What the loaders are fed. */
export type Kind = "safetensors" | "gguf" | "index" | "config" | "tokenizer" | "torch";

/** A good file, to be damaged. */
export interface Source {
  readonly kind: Kind;
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where the data begins; the whole file for JSON. */
  readonly headerEnd: number;
  /** The folder with the weights that an index or config belongs to. */
  readonly folder?: string;
  /** Where a torch file lists its files. */
  readonly directory?: number;
}

/** The good files, by kind. All but one come from the repository. */
export function fuzzSources(): Record<Kind, Source[]> {
  const models = goldensPath("hf/models");
  if (models === undefined) throw new Error("the goldens hf/models are missing");
  const config = (family: string, name: string) => ({
    ...text("config", `${family}/${name}`, readFileSync(join(models, family, name))),
    folder: join(models, family),
  });
  const gguf = (family: string, storage = storageTypes.f32) => {
    const bytes = ggufOfFolder(join(models, family), storage, tinyTokenizer);
    const { tensors } = parseGgufHeader(memorySource(bytes));
    const headerEnd = Math.min(...[...tensors.values()].map(({ byteOffset }) => byteOffset));
    return { kind: "gguf" as const, name: `${family}.gguf`, bytes, headerEnd };
  };
  const tinyGguf = gguf("llama-gqa", storageTypes.q8_0);
  const { metadata } = parseGgufHeader(memorySource(tinyGguf.bytes));
  const stories = sharedPath("models/stories260K/tokenizer.json");
  const sharded = join(models, "llama-gqa-hd32-sharded");
  const index = readFileSync(join(sharded, "model.safetensors.index.json"));
  return {
    safetensors: [
      safetensors("llama-gqa", readFileSync(join(models, "llama-gqa/model.safetensors"))),
      safetensors("golden", readFileSync(join(models, "llama-gqa/golden.safetensors"))),
      safetensors("every type", everyType()),
    ],
    gguf: [tinyGguf, gguf("qwen2", storageTypes.q4_0), gguf("smollm3-nope")],
    index: [{ ...text("index", "index", index), folder: sharded }],
    config: [
      "llama-gqa",
      "llama-rope-yarn",
      "mistral-sliding",
      "qwen3",
      "smollm3-nope",
      "gemma3-text",
      "phi3-fused",
    ].flatMap((family) => [config(family, "config.json"), config(family, "config.v5.json")]),
    tokenizer: [
      text("tokenizer", "tiny", new TextEncoder().encode(JSON.stringify(ggufToTokenizerJson(metadata)))),
      ...(stories === undefined ? [] : [text("tokenizer", "stories260K", readFileSync(stories))]),
    ],
    torch: ["gqa", "mha"].map(torch),
  };
}

function text(kind: Kind, name: string, bytes: Uint8Array): Source {
  return { kind, name, bytes: new Uint8Array(bytes), headerEnd: bytes.length };
}

function safetensors(name: string, bytes: Uint8Array): Source {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return { kind: "safetensors", name, bytes: new Uint8Array(bytes), headerEnd: 8 + length };
}

/** A Megatron checkpoint. Without the pickle's checksum, so that damage to the pickle reaches its reader. */
function torch(heads: string): Source {
  const path = goldensPath(`megatron/${heads}/tp1/iter_0001000/mp_rank_00/model_optim_rng.pt`);
  if (path === undefined) throw new Error("the goldens megatron are missing");
  const bytes = new Uint8Array(readFileSync(path));
  const pickle = readStoredZip(memorySource(bytes)).get("model_optim_rng/data.pkl");
  const headerEnd = pickle === undefined ? 0 : pickle.offset + pickle.size;
  const directory = Buffer.from(bytes.buffer).indexOf("PK\x01\x02", headerEnd, "latin1");
  bytes.fill(0, directory + 16, directory + 20);
  return { kind: "torch", name: heads, bytes, headerEnd, directory };
}

function everyType(): Uint8Array {
  const tensor = (dtype: SafetensorsInput["dtype"], bytes: number, shape = [2, 2]): SafetensorsInput => ({
    dtype,
    shape,
    data: new Uint8Array(bytes).map((_, i) => i * 37),
  });
  return encodeSafetensors(
    {
      a: tensor("F32", 16),
      b: tensor("F16", 8),
      c: tensor("BF16", 8),
      d: tensor("F64", 32),
      e: tensor("I64", 32),
      f: tensor("I32", 16),
      g: tensor("I8", 4),
      h: tensor("U8", 4),
      i: tensor("BOOL", 4),
      scalar: tensor("F32", 4, []),
      empty: tensor("F32", 0, [0, 7]),
    },
    { format: "pt", "quantization.note": "none" },
  );
}
