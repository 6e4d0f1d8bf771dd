import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseBackend } from "@kvfold/core";
import { parseConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Parameters } from "../model/parameters.js";
import { Optimizer } from "../optimizer/optimizer.js";
import {
  bestCheckpoint,
  type CheckpointState,
  isCheckpoint,
  listCheckpoints,
  pruneCheckpoints,
  readCheckpoint,
  readCheckpointState,
  writeCheckpoint,
} from "./checkpoint.js";

const fields = {
  model_type: "llama",
  hidden_size: 4,
  intermediate_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  vocab_size: 6,
  tie_word_embeddings: true,
};
const adamw = { learningRate: 0.1, betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0 } as const;
const recipe = { adamw, muon: undefined, decisionRate: 1, clip: 1 };
const state = (step: number, perplexity?: number): CheckpointState => ({
  step,
  tokens: 10 * step,
  updates: step,
  skipped: 0,
  perplexity,
  recipe: { seed: 1 },
  fields,
  tokenizerFrom: "demo",
});

let folder: string;
beforeAll(() => chooseBackend());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kvfold-checkpoint-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function trained(seed: number): { parameters: Parameters; optimizer: Optimizer } {
  const parameters = Parameters.initial(parseConfig(fields), seed);
  const optimizer = new Optimizer(recipe, new Set());
  const gradients = new Map(parameters.names.map((name) => [name, tf.onesLike(parameters.get(name))]));
  optimizer.update(parameters, gradients, 1, 1);
  tf.dispose([...gradients.values()]);
  return { parameters, optimizer };
}

describe("checkpoints", () => {
  it("give back weights, momenta and state to the bit", () => {
    const { parameters, optimizer } = trained(1);
    const path = writeCheckpoint(folder, parameters, optimizer, state(7));
    expect(isCheckpoint(path)).toBe(true);
    const other = trained(2);
    expect(readCheckpoint(path, other.parameters, other.optimizer)).toEqual(state(7));
    for (const name of parameters.names) {
      expect(other.parameters.get(name).dataSync()).toEqual(parameters.get(name).dataSync());
    }
    expect(other.optimizer.updates).toBe(7);
    for (const [name, tensor] of optimizer.state) {
      expect(other.optimizer.state.get(name)?.dataSync()).toEqual(tensor.dataSync());
    }
    for (const { parameters: p, optimizer: o } of [{ parameters, optimizer }, other]) {
      p.dispose();
      o.dispose();
    }
  });

  it("are not confused by what a killed process left behind", () => {
    const { parameters, optimizer } = trained(1);
    mkdirSync(join(folder, ".writing-step-00000003"));
    writeFileSync(join(folder, ".writing-step-00000003/weights.safetensors"), "half");
    expect(listCheckpoints(folder)).toEqual([]);
    writeCheckpoint(folder, parameters, optimizer, state(4));
    expect(readdirSync(folder)).toEqual(["step-00000004"]);
  });

  it("are pruned to the newest, and the best stays", () => {
    const { parameters, optimizer } = trained(1);
    for (const [step, perplexity] of [
      [1, 9],
      [2, 5],
      [3, 7],
      [4, undefined],
      [5, 8],
    ] as const) {
      writeCheckpoint(folder, parameters, optimizer, state(step, perplexity));
    }
    expect(bestCheckpoint(folder)).toBe(join(folder, "step-00000002"));
    pruneCheckpoints(folder, 2);
    expect(readdirSync(folder).sort()).toEqual(["step-00000002", "step-00000004", "step-00000005"]);
  });

  it("say what is wrong when they are damaged or of another model", () => {
    const { parameters, optimizer } = trained(1);
    const path = writeCheckpoint(folder, parameters, optimizer, state(1));
    const other = Parameters.initial(parseConfig({ ...fields, hidden_size: 8 }), 1);
    expect(() => readCheckpoint(path, other, optimizer)).toThrow(/has shape \[6,4\].*needs \[6,8\]/);
    writeFileSync(join(path, "state.json"), "{");
    expect(() => readCheckpointState(path)).toThrow(/Delete this checkpoint to go on/);
    expect(existsSync(path)).toBe(true);
    other.dispose();
  });
});
