import { join } from "node:path";
import { KvfoldError, openSafetensors, type SafetensorsDtype, type SafetensorsInput, storageTypes } from "@kvfold/core";
import { parseConfig } from "../config/parse-config.js";
import { type RetrofitConfig, retrofitBlock } from "../config/retrofit-config.js";
import { companions, configText, isCompanion } from "./companion-files.js";
import { type FloatDtype, refuseOverflow } from "./converted-tensors.js";
import { namesIn, refuseOverwriting, writeFolderInPieces } from "./write-folder.js";

/** In `model.safetensors`: the folder may be replaced, whoever named it asks for that. */
const MARK: Readonly<Record<string, string>> = { written_by: "kvfold train" };

/** A weight under its Hugging Face name, in Hugging Face order (`[out, in]`). */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
}

/** A trained model, see {@link writeModelFolder}. */
export interface ModelFolder {
  /** Fields of a Hugging Face `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** How the model compresses its cache; becomes the config's only retrofit block. Default: what `config` says. */
  readonly retrofit?: RetrofitConfig;
  /** Taken one after the other; only their rounded bytes are kept. */
  readonly tensors: Iterable<NamedTensor>;
  /** Type of the weights, to which values are rounded to nearest even. */
  readonly dtype: FloatDtype;
  /**
   * Hugging Face folder whose tokenizer, generation config, chat template and licence are copied byte for byte; or a GGUF
   * file, whose tokenizer is written as `tokenizer.json`.
   */
  readonly tokenizerFrom: string;
}

/**
 * Writes a trained model as a standard Hugging Face folder, which `loadLocalModel` and `transformers` read with no flags.
 * The folder appears whole or not at all. One that this function wrote before is replaced; any other is left alone.
 *
 * @param folder where to write
 * @throws KvfoldError `folder-not-empty` for a folder with anything else in it; `tokenizer-missing`; `config-malformed` or
 * `config-unsupported`; `tensor-size` when values do not fit their shape; `storage-not-finite` for a weight that is not
 * finite or is too large for `f16`; `file-unwritable`
 */
export function writeModelFolder(folder: string, model: ModelFolder): void {
  const { dtype, tokenizerFrom } = model;
  if (!isOwn(folder)) refuseOverwriting(folder);
  const config = withRetrofit(model);
  parseConfig(config);
  const files = companions(tokenizerFrom);
  if (!files.has("tokenizer.json")) {
    throw new KvfoldError(
      "tokenizer-missing",
      `${tokenizerFrom} has no tokenizer.json; name the folder of a model whose tokenizer this one uses.`,
    );
  }
  files.set("config.json", configText(config, dtype));
  const tensors: Record<string, SafetensorsInput> = {};
  for (const tensor of model.tensors) tensors[tensor.name] = rounded(tensor, dtype);
  for (const _ of writeFolderInPieces(folder, { files, tensors, metadata: MARK }));
}

function withRetrofit({ config, retrofit }: ModelFolder): Record<string, unknown> {
  if (retrofit === undefined) return { ...config };
  const { kvfold: _, dmc: __, ...plain } = config;
  return { ...plain, kvfold: retrofitBlock(retrofit) };
}

function rounded({ name, shape, values }: NamedTensor, dtype: FloatDtype): SafetensorsInput {
  const size = shape.reduce((product, axis) => product * axis, 1);
  if (size !== values.length) {
    throw new KvfoldError(
      "tensor-size",
      `Tensor ${name} of shape [${shape}] needs ${size} values, got ${values.length}.`,
    );
  }
  if (!values.every(Number.isFinite)) {
    throw new KvfoldError("storage-not-finite", `Tensor ${name} holds NaN or infinity; write an earlier checkpoint.`);
  }
  if (dtype === "f16") refuseOverflow(name, values);
  return { dtype: dtype.toUpperCase() as SafetensorsDtype, shape, data: storageTypes[dtype].pack(values) };
}

/** True for a folder that {@link writeModelFolder} wrote, and to which nothing was added. */
function isOwn(folder: string): boolean {
  const names = namesIn(folder);
  const written = (name: string) => name === "config.json" || name === "model.safetensors" || isCompanion(name);
  if (!names.includes("model.safetensors") || !names.every(written)) return false;
  try {
    using file = openSafetensors(join(folder, "model.safetensors"));
    return file.metadata.written_by === MARK.written_by;
  } catch {
    return false; // damaged: whatever it is, it stays
  }
}
