import { chooseBackend } from "@kvfold/core";
import { compressionLoss, dmcForTraining, dmsForTraining, makeRelaxation } from "@kvfold/dmc";
import { type CachePolicy, full } from "@kvfold/kv-cache";
import { parseConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lossAndGradients, type PassResult } from "./loss-and-gradients.js";
import { Parameters } from "./parameters.js";
import { TrainingModel } from "./training-model.js";

const config = parseConfig({
  model_type: "llama",
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 40,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
});
const [rows, length] = [2, 32];
const ids = Int32Array.from({ length: rows * length }, (_, i) => (i * 7 + (i % 5)) % 40);
const batch = { rows, length, tokens: ids, labels: ids, documents: new Int32Array(rows * length) };

let model: TrainingModel;
let parameters: Parameters;
beforeAll(async () => {
  await chooseBackend();
  model = new TrainingModel(config);
  parameters = Parameters.initial(config, 5);
});
afterAll(() => {
  model.dispose();
  parameters.dispose();
});

function pass(policy: CachePolicy, trained: readonly string[], again: boolean): PassResult {
  const { layers, queryHeads, kvHeads, headDim } = config;
  const policies = config.perLayer.map((_, layer) => policy.forLayer({ layer, layers, queryHeads, kvHeads, headDim }));
  const extra = {
    name: "compressionLoss",
    term: ({ auxiliary }: { auxiliary: readonly Readonly<Record<string, tf.Tensor>>[] }) => {
      const alpha = auxiliary.flatMap((of) => (of.alpha ? [of.alpha as tf.Tensor3D] : []));
      return alpha.length > 0 ? compressionLoss(alpha, { ratio: 4 }) : undefined;
    },
  };
  const plan = { policies, seed: 1, step: 3, sequence: 0, recompute: again ? trained : undefined };
  return lossAndGradients({ model, parameters, trained, batch, plan, totalWeight: rows * length, extra: [extra] });
}

/** Numbers of a pass; 0 and -0 are the same. */
function numbers({ loss, gradients }: PassResult): number[][] {
  return [loss, ...gradients].map((tensor) => Array.from(tensor.dataSync(), (value) => value + 0));
}

describe("recomputed layers", () => {
  const relaxation = () => makeRelaxation("gumbel-sigmoid", { temperature: 0.1 });
  const rowsOf: [string, () => CachePolicy][] = [
    ["full attention", full],
    ["dmc", () => dmcForTraining({ offset: 0 }, relaxation())],
    ["dms", () => dmsForTraining({ offset: 0, delay: 4 }, relaxation())],
  ];

  it.each(rowsOf)("%s: the same loss and gradients to the bit", (_, policy) => {
    for (const trained of [parameters.names, parameters.names.filter((name) => name.includes("self_attn"))]) {
      const [plain, again] = [false, true].map((how) => tf.tidy(() => numbers(pass(policy(), trained, how))));
      expect(again).toEqual(plain);
    }
  });

  it("needs less memory at its peak", async () => {
    const peaks: number[] = [];
    for (const again of [false, true]) {
      const before = tf.memory().numBytes;
      const { peakBytes } = await tf.profile(() => tf.tidy(() => void pass(full(), parameters.names, again)));
      peaks.push(peakBytes - before);
    }
    const [plain, again] = peaks as [number, number];
    expect(again).toBeLessThan(0.6 * plain);
  });
});
