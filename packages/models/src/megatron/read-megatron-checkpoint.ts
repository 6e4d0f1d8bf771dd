import { KvfoldError } from "@kvfold/core";
import { parseConfig } from "../config/parse-config.js";
import { companions, configText } from "../convert/companion-files.js";
import type { FloatDtype } from "../convert/converted-tensors.js";
import type { ModelFiles } from "../convert/read-model-files.js";
import { createTokenizer } from "../tokenizer/create-tokenizer.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { parseTokenizerConfig } from "../tokenizer/tokenizer-config.js";
import { checkStageOne } from "./check-stage-one.js";
import { findShards } from "./checkpoint-files.js";
import { type MegatronArgs, RELEASED_DMC_ARGS } from "./megatron-args.js";
import { openMegatronCheckpoint } from "./megatron-checkpoint.js";
import { megatronConfig, megatronRetrofit } from "./megatron-config.js";
import { megatronSource } from "./megatron-source.js";
import { tensorPlans } from "./tensor-plan.js";

/** What a Megatron checkpoint does not say itself. */
export interface MegatronOptions {
  /** Hugging Face folder or GGUF file whose tokenizer the model uses: Megatron checkpoints hold none. */
  readonly tokenizer?: string;
  /** True: trained with DMC although its arguments have no `dmc_init_val`; NVIDIA's defaults count then. Default false. */
  readonly dmc?: boolean;
}

/**
 * Opens a Megatron-core checkpoint of a Llama model as the weights and small files of a Hugging Face folder. A DMC
 * checkpoint gets its retrofit block.
 *
 * @param path see `findShards`
 * @param dtype written into config.json
 * @throws KvfoldError `tokenizer-missing` or `tokenizer-mismatch`; `megatron-unsupported`, `megatron-malformed` or
 * `megatron-shards-missing`; `torch-file-malformed` or `pickle-refused` for files that `torch.save` did not write, or that
 * hold more than a checkpoint does
 */
export function readMegatronCheckpoint(
  path: string,
  dtype: FloatDtype,
  { tokenizer: tokenizerFrom, dmc = false }: MegatronOptions,
): ModelFiles {
  if (tokenizerFrom === undefined) {
    throw new KvfoldError(
      "tokenizer-missing",
      `${path} is a Megatron checkpoint, which holds no tokenizer; name the folder of a model whose tokenizer it uses ` +
        "(--tokenizer FOLDER, for Llama 2 that of its Hugging Face release).",
    );
  }
  const files = companions(tokenizerFrom);
  const tokenizer = tokenizerOf(files, tokenizerFrom);
  const checkpoint = openMegatronCheckpoint(findShards(path));
  try {
    const { args, iteration } = checkpoint;
    const vocab = keptVocabulary(args, tokenizer, path, tokenizerFrom);
    const source = megatronSource(path, checkpoint, tensorPlans(args, vocab));
    const dmcArgs = args.dmc ?? (dmc ? RELEASED_DMC_ARGS : undefined);
    if (dmcArgs?.stageOne) checkStageOne(source, args);
    const retrofit = dmcArgs && megatronRetrofit(dmcArgs, iteration, source.storage);
    const json = megatronConfig(args, retrofit, { vocab, tokenizer });
    const config = parseConfig(json);
    files.set("config.json", configText(json, dtype));
    return { source, config, files };
  } catch (error) {
    checkpoint.close();
    throw error;
  }
}

function tokenizerOf(files: ReadonlyMap<string, string | Uint8Array>, from: string): Tokenizer {
  const json = (name: string): unknown => {
    const content = files.get(name);
    if (content === undefined) return undefined;
    try {
      return JSON.parse(typeof content === "string" ? content : new TextDecoder().decode(content));
    } catch (cause) {
      throw new KvfoldError("tokenizer-malformed", `${from}: ${name} is not JSON.`, { cause });
    }
  };
  const tokenizer = json("tokenizer.json");
  if (tokenizer === undefined) {
    throw new KvfoldError(
      "tokenizer-missing",
      `${from} has no tokenizer.json; name the folder of a model whose tokenizer the checkpoint uses.`,
    );
  }
  return createTokenizer(tokenizer, parseTokenizerConfig(json("tokenizer_config.json")));
}

/** Megatron pads the vocabulary for its kernels and ranks; those rows stand for no token and are left out. */
function keptVocabulary({ paddedVocab }: MegatronArgs, tokenizer: Tokenizer, path: string, from: string): number {
  if (tokenizer.vocabSize <= paddedVocab) return tokenizer.vocabSize;
  throw new KvfoldError(
    "tokenizer-mismatch",
    `The tokenizer of ${from} has ${tokenizer.vocabSize} ids, the vocabulary of ${path} only ${paddedVocab}. They belong to ` +
      "different models: name the tokenizer with which the checkpoint was trained.",
  );
}
