import { chooseBackend } from "@kvfold/core";
import { parseConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { Parameters } from "../model/parameters.js";
import { Optimizer } from "./optimizer.js";

beforeAll(() => chooseBackend());

const config = parseConfig({
  model_type: "llama",
  hidden_size: 4,
  intermediate_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  vocab_size: 6,
  tie_word_embeddings: true,
});
const adamw = { learningRate: 0.1, betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.5 } as const;
const recipe = { adamw, muon: { learningRate: 0.2, momentum: 0.95, weightDecay: 0.1 }, decisionRate: 3, clip: 1 };
const norm = "model.norm.weight";
const queries = "model.layers.0.self_attn.q_proj.weight";
const matrix = "model.layers.0.mlp.gate_proj.weight";

const ones = () => Parameters.make(config, (_, shape) => new Float32Array(tf.util.sizeFromShape([...shape])).fill(1));

describe("Optimizer", () => {
  it("moves by the learning rate at first, decays matrices and leaves the scale of norms alone", () => {
    using parameters = ones();
    using optimizer = new Optimizer(recipe, new Set());
    const gradients = new Map<string, tf.Tensor>([
      [norm, tf.fill([4], 3)],
      [matrix, tf.fill([8, 4], -3)],
    ]);
    optimizer.update(parameters, gradients, 0.5, 1);
    expect(parameters.get(norm).dataSync()[0]).toBeCloseTo(1 - 0.05, 5);
    expect(parameters.get(matrix).dataSync()[0]).toBeCloseTo(1 * (1 - 0.05 * 0.5) + 0.05, 5);
    expect([...optimizer.state.keys()].sort()).toEqual(
      [norm, matrix].flatMap((name) => [`adam_m.${name}`, `adam_v.${name}`]).sort(),
    );
    tf.dispose([...gradients.values()]);
  });

  it("clips by scaling the gradient that the momenta see", () => {
    using parameters = ones();
    using optimizer = new Optimizer(recipe, new Set());
    const gradient = tf.fill([4], 8);
    optimizer.update(parameters, new Map([[norm, gradient]]), 1, 0.25);
    expect(optimizer.state.get(`adam_m.${norm}`)?.dataSync()[0]).toBeCloseTo(0.1 * 2, 6);
    gradient.dispose();
  });

  it("turns a matrix by Muon with momentum, scaled by its shape", () => {
    using parameters = ones();
    using optimizer = new Optimizer(recipe, new Set([matrix]));
    const gradient = tf.slice(tf.eye(8), [0, 0], [8, 4]);
    optimizer.update(parameters, new Map([[matrix, gradient]]), 1, 1);
    const values = parameters.get(matrix).arraySync() as number[][];
    const moved = 1 - 0.2 * 0.1 - (values[0]?.[0] as number);
    expect(moved).toBeGreaterThan(0.2 * Math.sqrt(2) * 0.6);
    expect(moved).toBeLessThan(0.2 * Math.sqrt(2) * 1.3);
    expect(values[1]?.[0]).toBeCloseTo(1 - 0.02, 5);
    expect(optimizer.state.get(`muon.${matrix}`)?.dataSync()[0]).toBe(1);
    gradient.dispose();
  });

  it.each([
    ["AdamW", new Set<string>()],
    ["Muon", new Set([queries])],
  ])("moves rows that decide by AdamW at their own rate where %s moves the others", (_, muonNames) => {
    const moves = (decisionRows?: ReadonlyMap<string, readonly number[]>) => {
      using parameters = ones();
      using optimizer = new Optimizer(recipe, muonNames, decisionRows);
      const gradient = tf.tensor2d([8, 1, 0, 0, 0, 2, 0, 0, 0, 0, 4, 1, 3, 0, 0, 0.5], [4, 4]);
      // without the row that decides, the others must move as if it had no gradient
      const seen = decisionRows ? gradient : tf.mul(gradient, tf.tensor2d([1, 1, 1, 0], [4, 1]));
      optimizer.update(parameters, new Map([[queries, seen]]), 1, 1);
      return parameters.get(queries).arraySync() as number[][];
    };
    const plain = moves();
    const decided = moves(new Map([[queries, [3]]]));
    expect(decided.slice(0, 3)).toEqual(plain.slice(0, 3).map((row) => row.map((value) => expect.closeTo(value, 6))));
    // 1 - rate x (learning rate x (sign of the gradient + weight decay))
    const step = (sign: number) => 1 - 3 * 0.1 * (sign + 0.5);
    expect(decided[3]).toEqual([step(1), step(0), step(0), step(1)].map((value) => expect.closeTo(value, 5)));
  });

  it("keeps moments of the rows that decide, and of no others, where Muon moves a matrix", () => {
    using parameters = ones();
    using optimizer = new Optimizer(recipe, new Set([queries]), new Map([[queries, [1, 3]]]));
    const gradient = tf.fill([4, 4], 2);
    optimizer.update(parameters, new Map([[queries, gradient]]), 1, 1);
    expect(Object.fromEntries([...optimizer.state].map(([name, { shape }]) => [name, shape]))).toEqual({
      [`adam_m.decisions.${queries}`]: [2, 4],
      [`adam_v.decisions.${queries}`]: [2, 4],
      [`muon.${queries}`]: [4, 4],
    });
    gradient.dispose();
  });

  it.each([
    ["AdamW", new Set<string>()],
    ["Muon", new Set([queries])],
  ])("refuses a state without moments of the rows that decide, with %s, and frees it", (_, muonNames) => {
    using optimizer = new Optimizer(recipe, muonNames, new Map([[queries, [3]]]));
    const before = tf.memory().numTensors;
    const state = new Map([[`adam_m.${queries}`, tf.zeros([4, 4])]]);
    expect(() => optimizer.restore(state, 1)).toThrow(expect.objectContaining({ code: "checkpoint-optimizer" }));
    expect(tf.memory().numTensors).toBe(before);
  });

  it("leaves no tensor behind but its state", () => {
    using parameters = ones();
    const rows = new Map([[queries, [3]]]);
    using optimizer = new Optimizer(recipe, new Set([matrix, queries]), rows);
    const gradients = new Map<string, tf.Tensor>([
      [norm, tf.fill([4], 3)],
      [matrix, tf.fill([8, 4], -3)],
      [queries, tf.fill([4, 4], 2)],
    ]);
    optimizer.update(parameters, gradients, 1, 1);
    const before = tf.memory().numTensors;
    optimizer.update(parameters, gradients, 1, 1);
    expect(tf.memory().numTensors).toBe(before);
    optimizer.reset();
    expect(tf.memory().numTensors).toBe(before - 6);
    tf.dispose([...gradients.values()]);
  });
});
