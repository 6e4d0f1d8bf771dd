import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KvfoldError, openSafetensors, type SafetensorsInput, writeSafetensors } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { Parameters } from "../model/parameters.js";
import type { Optimizer, OptimizerState } from "../optimizer/optimizer.js";

const format = "kvfold-checkpoint-1";
/** Weights in a checkpoint, float32, by Hugging Face name. */
export const weightsFile = "weights.safetensors";
const optimizerFile = "optimizer.safetensors";
const stateFile = "state.json";

/** Where training stands, beside the tensors; data and noise depend on nothing but seed and step. */
export interface CheckpointState {
  /** Steps done. */
  readonly step: number;
  /** Tokens trained on. */
  readonly tokens: number;
  /** Updates of the optimiser since its momenta were made. */
  readonly updates: number;
  /** Steps in a row that were left out because a number was not finite. */
  readonly skipped: number;
  /** Held-out perplexity at this step, where it was measured in the stage that counts for the best checkpoint. */
  readonly perplexity?: number | undefined;
  /** What the run was made of: a resumed run must have the same. */
  readonly recipe: unknown;
  /** Stands for the tokens that were read: a resumed run must read the same. */
  readonly dataSha256?: string | undefined;
  /** Fields of the model's `config.json`, and where its tokenizer came from: a checkpoint can be a run's start. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly tokenizerFrom: string;
}

/**
 * Writes a checkpoint `step-00001200` into a folder: float32 weights, momenta and state. First under a temporary name, then
 * renamed, so that whoever is killed at any moment leaves only whole checkpoints.
 *
 * @returns path of the checkpoint
 */
export function writeCheckpoint(
  folder: string,
  parameters: Parameters,
  optimizer: Optimizer,
  state: CheckpointState,
): string {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    if (name.startsWith(".writing-")) rmSync(join(folder, name), { recursive: true }); // of a process that was killed
  }
  const path = join(folder, checkpointName(state.step));
  const temporary = join(folder, `.writing-${checkpointName(state.step)}`);
  mkdirSync(temporary);
  const weights = Object.fromEntries(parameters.names.map((name) => [name, stored(parameters.get(name))]));
  writeSafetensors(join(temporary, weightsFile), weights, { format: "pt" });
  const momenta = Object.fromEntries([...optimizer.state].map(([name, tensor]) => [name, stored(tensor)]));
  writeSafetensors(join(temporary, optimizerFile), momenta);
  writeFileSync(join(temporary, "config.json"), `${JSON.stringify(state.fields, undefined, 1)}\n`); // readers ask for it
  writeFileSync(join(temporary, stateFile), `${JSON.stringify({ format, ...state }, undefined, 1)}\n`);
  rmSync(path, { recursive: true, force: true });
  renameSync(temporary, path);
  return path;
}

/** Puts a checkpoint's weights and momenta back. */
export function readCheckpoint(path: string, parameters: Parameters, optimizer: Optimizer): CheckpointState {
  const state = readCheckpointState(path);
  {
    using weights = openSafetensors(join(path, weightsFile));
    for (const name of parameters.names) {
      const shape = parameters.get(name).shape;
      const found = weights.entry(name).shape;
      if (found.join() !== shape.join()) {
        throw new KvfoldError(
          "checkpoint-shape",
          `${path}: ${name} has shape [${found}], but this run's model needs [${shape}]. It is a checkpoint of another model.`,
        );
      }
      parameters.replace(name, tf.tensor(weights.readFloat32(name), shape));
    }
  }
  optimizer.restore(readMomenta(path), state.updates);
  return state;
}

/** The optimiser's tensors in a checkpoint; they belong to the caller. */
export function readMomenta(path: string): OptimizerState {
  using momenta = openSafetensors(join(path, optimizerFile));
  const names = [...momenta.tensors.keys()];
  return new Map(names.map((name) => [name, tf.tensor(momenta.readFloat32(name), [...momenta.entry(name).shape])]));
}

/** True for a folder that {@link writeCheckpoint} wrote. */
export function isCheckpoint(path: string): boolean {
  return existsSync(join(path, stateFile)) && existsSync(join(path, weightsFile));
}

/** @throws KvfoldError `checkpoint-damaged` */
export function readCheckpointState(path: string): CheckpointState {
  try {
    const { format: found, ...state } = JSON.parse(readFileSync(join(path, stateFile), "utf8")) as CheckpointState & {
      format?: string;
    };
    if (found !== format || !Number.isInteger(state.step)) throw new Error(`its format is ${found}, not ${format}`);
    return state;
  } catch (error) {
    throw new KvfoldError(
      "checkpoint-damaged",
      `${join(path, stateFile)} cannot be read (${(error as Error).message}). Delete this checkpoint to go on from the one before it.`,
    );
  }
}

/** Checkpoints of a folder, oldest first. */
export function listCheckpoints(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => /^step-\d{8}$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** Deletes all but the newest `keep` checkpoints and the one of lowest perplexity. */
export function pruneCheckpoints(folder: string, keep: number): void {
  const all = listCheckpoints(folder);
  const best = bestCheckpoint(folder);
  for (const path of all.slice(0, Math.max(0, all.length - keep))) {
    if (path !== best) rmSync(path, { recursive: true, force: true });
  }
}

/** The checkpoint of lowest held-out perplexity; undefined when none was scored. */
export function bestCheckpoint(folder: string): string | undefined {
  let best: { path: string; perplexity: number } | undefined;
  for (const path of listCheckpoints(folder)) {
    const { perplexity } = readCheckpointState(path);
    if (perplexity !== undefined && perplexity < (best?.perplexity ?? Number.POSITIVE_INFINITY))
      best = { path, perplexity };
  }
  return best?.path;
}

function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}

function stored(tensor: tf.Tensor): SafetensorsInput {
  return { dtype: "F32", shape: tensor.shape, data: tensor.dataSync<"float32">() };
}
