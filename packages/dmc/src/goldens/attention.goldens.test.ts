import { createStore, full, type LayerPolicy, trainingAttention } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { describeGolden, type Golden } from "../../test/golden.js";
import { CacheContent, plainRope, runCache } from "../../test/run-cache.js";
import { tolerances } from "../../test/tolerances.js";
import { decisionChannel } from "../decide.js";
import { dmc } from "../dmc.js";
import { type DmcOptions, resolveDmcOptions } from "../dmc-options.js";
import { dmcTrainingForm } from "../dmc-training-form.js";
import { gumbelSigmoid } from "../relaxations/gumbel-sigmoid.js";
import { hard } from "../relaxations/hard.js";
import type { Relaxation } from "../relaxations/relaxation.js";

describeGolden("attention.safetensors", (golden) => {
  const options = (): DmcOptions => ({
    offset: golden.setting("c"),
    epsilon: golden.setting("eps"),
    window: golden.setting("window"),
  });
  const inputs = () => ({
    q: golden.tensor("q"),
    k: golden.tensor("k"),
    v: golden.tensor("v"),
    theta: golden.setting("rope_theta"),
  });

  it("rope: cosines and sines", () => {
    const [tokens = 0, half = 0] = golden.shape("rope.cos");
    const rope = plainRope(2 * half, golden.setting("rope_theta"), tokens);
    const { cos, sin } = rope.angles(Int32Array.from({ length: tokens }, (_, position) => position));
    golden.close("rope.cos", cos, { absolute: 0, relative: 2 ** -23 });
    golden.close("rope.sin", sin, { absolute: 0, relative: 2 ** -23 });
    rope.dispose();
  });

  it.each([1, 7, 16, 40])("hard: decoding in chunks of %i", (chunk) => {
    const { cache, out } = runCache(dmc(options()), inputs(), chunk);
    golden.close("hard.out", out, tolerances.states);
    cache.dispose();
  });

  it("hard: every written state, token by token", () => {
    const { k } = inputs();
    const [rows, kvHeads, tokens, headDim] = k.shape;
    const steps: CacheContent[] = [];
    runCache(dmc(options()), inputs(), 1, (cache) => steps.push(new CacheContent(cache))).cache.dispose();
    const lanes = Array.from({ length: rows * kvHeads }, (_, lane) => lane);
    const perToken = (value: (step: CacheContent, lane: number) => number[]) =>
      lanes.flatMap((lane) => steps.flatMap((step) => value(step, lane)));
    const newest = (part: "keys" | "values") =>
      perToken((step, lane) => step.newest(part).slice(lane * headDim, (lane + 1) * headDim));
    golden.close("hard.k_rotated", newest("keys"), tolerances.states);
    golden.close("hard.v_pooled", newest("values"), tolerances.states);
    const neuron = decisionChannel("last", headDim);
    expect(newest("keys").filter((x, i) => i % headDim === neuron && x !== 0)).toEqual([]);
    const merged = lanes.map((lane) =>
      steps.map((step, t) => ((step.lengths[lane] ?? 0) > (steps[t - 1]?.lengths[lane] ?? 0) ? 0 : 1)),
    );
    golden.exact("hard.alpha", merged.flat());
    golden.exact(
      "hard.column_visible",
      merged.flatMap((lane) => Array.from({ length: tokens }, (_, t) => 1 - (lane[t + 1] ?? 0))),
    );
  });

  it("hard: the training form with hard decisions", () => {
    const { out, view } = train(golden, options(), hard());
    golden.close("hard.out", out, tolerances.states);
    golden.close("hard.v_pooled", view.v, tolerances.states);
    golden.exact("hard.column_visible", tf.cast(tf.equal(view.columnBias as tf.Tensor, 0), "float32"));
  });

  it.each([1, 40])("hard, paper form (no window, no epsilon): decoding in chunks of %i", (chunk) => {
    const { cache, out } = runCache(dmc({ ...options(), window: null, epsilon: 0 }), inputs(), chunk);
    golden.close("hard_nowin_noeps.out", out, tolerances.states);
    cache.dispose();
  });

  it("training form: states, mask and output", () => {
    const { out, view } = train(golden, options(), goldenRelaxation(golden));
    golden.close("train.alpha", view.auxiliary.alpha as tf.Tensor, tolerances.decisions);
    golden.close("train.omega", view.auxiliary.omega as tf.Tensor, tolerances.decisions);
    golden.close("train.z", view.auxiliary.z as tf.Tensor, tolerances.states);
    golden.close("train.v_pooled", view.v, tolerances.states);
    golden.close("train.mask_column", view.columnBias as tf.Tensor, tolerances.logits);
    golden.close("train.k_pooled", storedKeys(golden, view.k, undefined), tolerances.states);
    golden.close("train.k_rotated", storedKeys(golden, view.k, golden.setting("rope_theta")), tolerances.states);
    golden.close("train.out", out, tolerances.states);
  });

  it("training form: gradients", () => {
    const upstream = golden.tensor("g_out");
    const loss = (...[q, k, v]: tf.Tensor[]) => {
      const { out } = train(golden, options(), goldenRelaxation(golden), { q, k, v } as Inputs);
      return tf.sum(tf.mul(out, upstream));
    };
    const { q, k, v } = inputs();
    const gradients = tf.grads(loss)([q, k, v]);
    ["train.d_q", "train.d_k", "train.d_v"].forEach((name, i) => {
      golden.closeGradient(name, gradients[i] as tf.Tensor);
    });
  });
});

interface Inputs {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
}

/** The relaxation of the goldens, with their noise. */
function goldenRelaxation(golden: Golden): Relaxation {
  const noise = () => tf.sub(golden.tensor<tf.Tensor3D>("u1"), golden.tensor<tf.Tensor3D>("u2")) as tf.Tensor3D;
  return gumbelSigmoid({ temperature: golden.setting("tau"), noise });
}

/** Attention in the training form, and the form's own view. */
function train(golden: Golden, options: DmcOptions, relaxation: Relaxation, inputs?: Inputs) {
  const { q, k, v } = inputs ?? { q: golden.tensor("q"), k: golden.tensor("k"), v: golden.tensor("v") };
  const [rows, queryHeads, tokens, headDim] = q.shape;
  const shape = { layer: 0, layers: 1, queryHeads, kvHeads: k.shape[1], headDim };
  const training = dmcTrainingForm(resolveDmcOptions(options), shape, relaxation);
  const policy: LayerPolicy = { ...dmc(options).forLayer(shape), training };
  const rope = plainRope(headDim, golden.setting("rope_theta"), tokens);
  const { out } = trainingAttention(policy, { q, k, v, rope });
  const zeros = tf.zeros([rows, tokens], "int32") as tf.Tensor2D;
  return { out, view: training({ q, k, v, positions: zeros, documents: zeros, seed: 0, step: 0, sequence: 0 }) };
}

/** Keys as the store rotates and blanks them. */
function storedKeys(golden: Golden, keys: tf.Tensor4D, theta: number | undefined): tf.Tensor4D {
  const q = golden.tensor("q");
  const [rows, queryHeads, tokens, headDim] = q.shape;
  const shape = { layer: 0, layers: 1, queryHeads, kvHeads: keys.shape[1], headDim };
  const { borrowed } = dmc().forLayer(shape).traits;
  const rope = theta === undefined ? undefined : plainRope(headDim, theta, tokens);
  const store = createStore({ shape, traits: full().forLayer(shape).traits, rows, codec: "f32" });
  const all = Array.from({ length: rows }, (_, row) => row);
  const step = { rows: all, tokens, lengths: all.map(() => tokens), starts: all.map(() => 0) };
  store.write(step, { q, k: keys, v: keys }, { op: "append" }, { rope, scale: 1, window: undefined, borrowed });
  return store.entries(step, "keys");
}
