import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chooseBackend, openSafetensors, type SafetensorsFile } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import { compressionLoss, dmcForTraining, gumbelSigmoid } from "@kvfold/dmc";
import { type DmcRetrofitConfig, dmcOptionsFromRetrofit, openHfFolder, parseConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { backends } from "../../test/backends.js";
import { type ExtraLoss, labelWeight, lossAndGradients, type PassResult } from "../model/loss-and-gradients.js";
import { Parameters } from "../model/parameters.js";
import { TrainingModel } from "../model/training-model.js";

/**
 * What the goldens' README suggests for float32. Its bound for alpha (1e-6) is that of given keys; here keys come through
 * the model, and half a dozen float32 roundings of a key near 5, divided by the temperature, are already 7e-6: alpha has
 * the bound of the model's other results.
 */
const tolerances = { logits: { absolute: 3e-5, relative: 1e-5 }, losses: { absolute: 1e-5, relative: 1e-5 } };
/** Of the largest entry of a gradient. */
const gradientFraction = 2e-4;

const file = "tiny_llama/expected.safetensors";
const folder = goldensPath("dmc") ?? "";
const entry = existsSync(join(folder, file))
  ? (
      JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as {
        files: Record<string, { meta: Record<string, number>; tensors: { name: string; role: string }[] }>;
      }
    ).files[file]
  : undefined;
const expected = (entry?.tensors ?? []).flatMap(({ name, role }) =>
  role === "expected" && name.startsWith("train.") ? [name] : [],
);

describe.skipIf(entry === undefined).each(backends)("training a whole tiny Llama with DMC, on %s", (backend) => {
  const compared = new Set<string>();
  let golden: SafetensorsFile;
  let parameters: Parameters;
  let model: TrainingModel;

  beforeAll(async () => {
    await chooseBackend({ prefer: backend });
    golden = openSafetensors(join(folder, file));
    using source = openHfFolder(join(folder, "tiny_llama"));
    const fields = JSON.parse(readFileSync(join(folder, "tiny_llama/config.json"), "utf8"));
    parameters = Parameters.load(source, parseConfig(fields));
    model = new TrainingModel(parameters.config);
  });
  afterAll(() => {
    parameters.dispose();
    model.dispose();
    golden.close();
  });

  const compare = (name: string, found: ArrayLike<number>, allowed: (wanted: number) => number) => {
    compared.add(name);
    const wanted = golden.read(name) as Float32Array | Int32Array;
    expect(found.length, `size of ${name}`).toBe(wanted.length);
    const far = Array.from(wanted, (expected, at) => ({ name, at, expected, actual: found[at] as number })).filter(
      (x) => !(Math.abs(x.actual - x.expected) <= allowed(x.expected)),
    );
    expect(far.slice(0, 5)).toEqual([]);
  };
  const close = (name: string, found: ArrayLike<number>, { absolute, relative }: (typeof tolerances)["logits"]) =>
    compare(name, found, (wanted) => Math.max(absolute, relative * Math.abs(wanted)));
  const closeGradients = (prefix: string, names: readonly string[], { gradients }: PassResult) =>
    names.forEach((parameter, i) => {
      const wanted = golden.readFloat32(`${prefix}.${parameter}`);
      const largest = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      compare(`${prefix}.${parameter}`, (gradients[i] as tf.Tensor).dataSync(), () => gradientFraction * largest);
    });

  /** One pass with the stored noise; the value and gradients are the caller's. */
  const pass = (trained: readonly string[], inputs: { crossEntropyWeight?: number; extra: readonly ExtraLoss[] }) => {
    const { config } = model;
    const [rows, length] = golden.entry("input_ids").shape as [number, number];
    const tokens = golden.read("input_ids") as Int32Array;
    const batch = {
      rows,
      length,
      tokens,
      labels: tokens.map((_, i) => (i % length === length - 1 ? -100 : (tokens[i + 1] as number))),
      documents: new Int32Array(rows * length),
    };
    const relaxation = gumbelSigmoid({ noise: (_, { layer }) => tf.sub(sample("u1", layer), sample("u2", layer)) });
    const policy = dmcForTraining(dmcOptionsFromRetrofit(config.retrofit as DmcRetrofitConfig), relaxation);
    const { layers, queryHeads, kvHeads, headDim } = config;
    const policies = config.perLayer.map((_, layer) =>
      policy.forLayer({ layer, layers, queryHeads, kvHeads, headDim }),
    );
    return lossAndGradients({
      model,
      parameters,
      trained,
      batch,
      plan: { policies, seed: 0, step: 0, sequence: 0 },
      totalWeight: labelWeight(batch),
      ...inputs,
    });
  };
  const sample = (name: string, layer: number) => {
    const [, ...shape] = golden.entry(`train.${name}`).shape as [number, number, number, number];
    const values = golden.readFloat32(`train.${name}`);
    const size = shape.reduce((a, b) => a * b);
    return tf.tensor3d(values.subarray(layer * size, (layer + 1) * size), shape);
  };
  const compression: ExtraLoss = {
    name: "compression",
    term: ({ auxiliary }) =>
      compressionLoss(
        auxiliary.map(({ alpha }) => alpha as tf.Tensor3D),
        { ratio: entry?.meta.target_cr as number },
      ),
  };

  it("logits, decisions, losses and the gradients of all weights", () => {
    const watched: ExtraLoss = {
      name: "watched",
      term({ logits, auxiliary }) {
        close("train.logits", logits.dataSync(), tolerances.logits);
        const alpha = tf.stack(auxiliary.map(({ alpha }) => alpha as tf.Tensor3D));
        close("train.alpha", alpha.dataSync(), tolerances.logits);
        compare("train.decisions", tf.greater(alpha, 0.5).dataSync(), () => 0);
        return undefined;
      },
    };
    const result = pass(parameters.names, { extra: [compression, watched] });
    const losses = [result.crossEntropy, ...result.extra.map(({ value }) => value), result.loss];
    close(
      "train.losses",
      Float32Array.from(losses, (loss) => loss.dataSync()[0] as number),
      tolerances.losses,
    );
    closeGradients("train.grad", parameters.names, result);
  });

  it("the gradients of either loss alone", () => {
    const projections = ["q_proj", "k_proj"].map((name) => `model.layers.0.self_attn.${name}.weight`);
    closeGradients("train.grad_lm", projections, pass(projections, { extra: [] }));
    const alone = pass(projections, { crossEntropyWeight: 0, extra: [compression] });
    closeGradients("train.grad_compression", projections, alone);
  });

  it("leaves no expected tensor of training untested", () =>
    expect(expected.filter((name) => !compared.has(name))).toEqual([]));
});
