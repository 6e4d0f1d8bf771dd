import { basename, join, resolve } from "node:path";
import { KvfoldError, storageTypes } from "@kvfold/core";
import { checkVocabulary } from "../check-vocabulary.js";
import type { ModelConfig } from "../config/model-config.js";
import { readJsonFile } from "../config/read-json-file.js";
import { encodePair } from "../gguf/encode-pair.js";
import type { GgufArchitecture } from "../gguf/gguf-architectures.js";
import { ggufTensorName } from "../gguf/hf-tensor-name.js";
import type { GgufOutputTensor } from "../gguf/write-gguf.js";
import { type ModelFiles, openModelFiles } from "../model-files.js";
import { loadTokenizer } from "../tokenizer/load-tokenizer.js";
import { parseTokenizerJson } from "../tokenizer/tokenizer-json.js";
import type { TensorSource } from "../weights/tensor-source.js";
import { architectureFor, modelPairs, ropeFrequencyFactors } from "./gguf-model-pairs.js";
import type { GgufPlan } from "./gguf-plan.js";
import { tokenizerPairs } from "./gguf-tokenizer-pairs.js";
import { formatFor, type GgufWeightType, ggufFileType } from "./gguf-weight-types.js";
import { packedRows } from "./packed-rows.js";

/** As `loadTokenizer`. */
const MAX_TOKENIZER_BYTES = 96 * 2 ** 20;
const ALIGNMENT = 32;

/**
 * A Hugging Face folder as a GGUF file, as llama.cpp's converter writes it: names, reversed sizes, and rows of q and k in the order
 * that its RoPE wants.
 *
 * @throws KvfoldError when the folder is damaged, or GGUF has no form for the model or its tokenizer
 */
export async function ggufFromFolder(folder: string, weights: GgufWeightType): Promise<GgufPlan> {
  const files = await openModelFiles(folder);
  const { config, source } = files;
  try {
    const architecture = architectureFor(config, folder);
    const tensors = source
      .names()
      .flatMap((name) => outputTensor(source, name, { config, architecture, weights, folder }));
    const factors = ropeFrequencyFactors(config);
    return {
      pairs: [
        ...modelPairs(config, architecture, basename(resolve(folder))),
        encodePair("general.file_type", { u32: ggufFileType(weights) }),
        encodePair("general.quantization_version", { u32: 2 }),
        ...(await readTokenizer(files)),
      ],
      tensors: factors === undefined ? tensors : [...tensors, vector("rope_freqs.weight", factors)],
      alignment: ALIGNMENT,
      close: () => source.close(),
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

async function readTokenizer({ path, config }: ModelFiles): Promise<Uint8Array[]> {
  const tokenizer = await loadTokenizer(path);
  checkVocabulary(config, tokenizer, path);
  const where = "tokenizer.json";
  const options = { maxBytes: MAX_TOKENIZER_BYTES, code: "tokenizer-malformed", where };
  const json = parseTokenizerJson(await readJsonFile(join(path, where), options));
  return tokenizerPairs(json, tokenizer, config, path);
}

interface Context {
  readonly config: ModelConfig;
  readonly architecture: GgufArchitecture;
  readonly weights: GgufWeightType;
  readonly folder: string;
}

/** The tensor as the file has it; nothing for those that a reader computes or does without. */
function outputTensor(source: TensorSource, hfName: string, context: Context): GgufOutputTensor[] {
  const { config, architecture, weights, folder } = context;
  if (hfName.endsWith(".rotary_emb.inv_freq")) return [];
  if (hfName === "lm_head.weight" && config.tiedEmbeddings) return []; // a copy of the embedding that old files have
  const name = ggufTensorName(hfName);
  if (name === undefined) {
    throw new KvfoldError(
      "model-unsupported",
      `${folder} cannot be written as GGUF: its tensor ${hfName} has no name there; use llama.cpp's convert_hf_to_gguf.py.`,
    );
  }
  const { shape } = source.info(hfName);
  const ne = [...shape].reverse();
  const format = formatFor(ne, weights);
  const interleaved = architecture.interleavedRope && /^blk\.\d+\.attn_[qk]\./.test(name);
  const reader = {
    name,
    rows: shape[0] as number,
    rowValues: shape.slice(1).reduce((product, size) => product * size, 1),
    read: interleaved ? interleavedRows(source, hfName, config.headDim) : plainRows(source, hfName),
  };
  return [{ name, ne, format, data: () => packedRows(reader, format) }];
}

type ReadRows = (start: number, count: number, into: Float32Array) => void;

function plainRows(source: TensorSource, name: string): ReadRows {
  return (start, count, into) => {
    source.readRowsFloat32(name, start, count, into);
  };
}

/** Row `2 i + j` of a head of width D in the file is row `j * D/2 + i` of that head in the folder (j = 0, 1). */
function interleavedRows(source: TensorSource, name: string, width: number): ReadRows {
  return (start, count, into) => {
    const rowValues = into.length / count;
    for (let n = 0; n < count; n++) {
      const within = (start + n) % width;
      const row = start + n - within + (within % 2) * (width / 2) + Math.floor(within / 2);
      source.readRowsFloat32(name, row, 1, into.subarray(n * rowValues, (n + 1) * rowValues));
    }
  };
}

function vector(name: string, values: Float32Array): GgufOutputTensor {
  const format = storageTypes.f32;
  return { name, ne: [values.length], format, data: () => [format.pack(values)] };
}
