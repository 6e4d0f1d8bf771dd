import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openFileSource, openSafetensors } from "@kvfold/core";
import {
  openGguf,
  openModelFiles,
  parseConfig,
  safetensorsSource,
  type TensorSource,
  type Tokenizer,
} from "@kvfold/models";
import { openTokenizer } from "../data/tokenizer-source.js";
import { poolKvHeads } from "../method/pool-kv-heads.js";
import { Parameters } from "../model/parameters.js";
import type { OptimizerState } from "../optimizer/optimizer.js";
import type { Recipe } from "../recipe/recipe.js";
import { decisionsOf, type LearntDecisions } from "./check-decisions.js";
import { isCheckpoint, readCheckpointState, readMomenta, weightsFile } from "./checkpoint.js";

/** What a run starts from. */
export interface Start {
  readonly parameters: Parameters;
  readonly tokenizer: Tokenizer;
  /** Folder or file that the tokenizer came from; its files go into the exported model. */
  readonly tokenizerFrom: string;
  /** Fields of the `config.json` of the model that is trained. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Momenta of the checkpoint that the run branches off; undefined for other starts. */
  readonly momenta?: { readonly state: OptimizerState; readonly updates: number } | undefined;
  /** How the starting model decides, where it has learnt to compress. */
  readonly learnt?: LearntDecisions | undefined;
}

/**
 * Loads or makes the weights that a recipe starts from: a model, a checkpoint of another run (whose momenta are taken over,
 * so that runs can branch), or new ones.
 *
 * @param resolveModel finds the folder or file of a model that is no local path
 */
export async function openStart(recipe: Recipe, resolveModel: (name: string) => Promise<string>): Promise<Start> {
  if ("config" in recipe.model) {
    const { config: fields, tokenizer } = recipe.model;
    const tokenizerFrom = await resolveModel(tokenizer);
    const parameters = Parameters.initial(parseConfig(fields), recipe.seed);
    return { parameters, tokenizer: await openTokenizer(tokenizerFrom), tokenizerFrom, fields };
  }
  const path = await resolveModel(recipe.model.from);
  return isCheckpoint(path) ? fromCheckpoint(path, recipe) : fromModel(path, recipe);
}

async function fromModel(path: string, recipe: Recipe): Promise<Start> {
  const files = await openModelFiles(path);
  try {
    const fields = modelFields(files.kind, path);
    const tokenizer = await files.tokenizer();
    const loaded = load(files.source, fields, recipe);
    const { retrofit } = loaded.parameters.config;
    return {
      ...loaded,
      tokenizer,
      tokenizerFrom: path,
      learnt: retrofit && decisionsOf({ ...retrofit, kind: retrofit.method }),
    };
  } finally {
    files.source.close();
  }
}

async function fromCheckpoint(path: string, recipe: Recipe): Promise<Start> {
  const state = readCheckpointState(path);
  using weights = openSafetensors(join(path, weightsFile));
  const loaded = load(safetensorsSource(weights), state.fields, recipe);
  const momenta = recipe.kind === "uptrain" ? undefined : { state: readMomenta(path), updates: state.updates };
  const { tokenizerFrom } = state;
  const { method } = state.recipe as Partial<Recipe>;
  const learnt = method && decisionsOf(method);
  return { ...loaded, tokenizer: await openTokenizer(tokenizerFrom), tokenizerFrom, momenta, learnt };
}

/** Weights of a source; pooled to fewer KV heads where the recipe asks for that. */
function load(source: TensorSource, fields: Readonly<Record<string, unknown>>, { kvHeads }: Recipe) {
  const config = parseConfig(fields);
  if (kvHeads === undefined) return { parameters: Parameters.load(source, config), fields };
  const pooled = { ...fields, num_key_value_heads: kvHeads };
  return { parameters: Parameters.load(poolKvHeads(source, config, kvHeads), parseConfig(pooled)), fields: pooled };
}

/** Fields of the `config.json` that a model has, or that stands for a `.gguf` file. */
export function modelFields(kind: string, path: string): Record<string, unknown> {
  return kind === "gguf" ? ggufFields(path) : jsonFields(join(path, "config.json"));
}

function ggufFields(path: string): Record<string, unknown> {
  using source = openGguf(openFileSource(path));
  return source.config();
}

function jsonFields(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>; // openModelFiles has checked it
}
