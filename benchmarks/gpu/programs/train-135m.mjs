// Training speed of a Llama of SmolLM2's 135M shape with random weights, products in bfloat16:
//   train-135m.mjs [--results FILE] [--shape 135m] [--rows 8] [--length 2048] [--steps 6]
import { parseArgs } from "node:util";
import { full } from "@kvfold/kv-cache";
import { parseConfig, Random } from "@kvfold/models";
import { trainingFlops } from "@kvfold/train";
import { trainingStep } from "../../../packages/train/src/loop/training-step.js";
import { Parameters } from "../../../packages/train/src/model/parameters.js";
import { TrainingModel } from "../../../packages/train/src/model/training-model.js";
import { Optimizer } from "../../../packages/train/src/optimizer/optimizer.js";
import { spread } from "../../src/spread.mjs";
import { utilisation } from "../bounds.mjs";
import { shapes } from "../shapes.mjs";
import { measureCeilings } from "./ceilings.mjs";
import { report } from "./report.mjs";
import { useCuda } from "./use-cuda.mjs";

const text = { type: "string" };
const { values: given } = parseArgs({
  options: {
    results: text,
    shape: { ...text, default: "135m" },
    rows: { ...text, default: "8" },
    length: { ...text, default: "2048" },
    steps: { ...text, default: "6" },
    side: { ...text, default: "8192" },
    numbers: { ...text, default: `${2 ** 29}` },
  },
});
const [rows, length, steps] = [given.rows, given.length, given.steps].map(Number);
/** Steps that make memory and caches warm. */
const untimed = 2;

await useCuda({ matmulPrecision: "bf16" });
const ceilings = measureCeilings({ side: +given.side, numbers: +given.numbers, results: given.results });
const config = parseConfig(shapes[given.shape]);
const parameters = Parameters.initial(config, 1);
const model = new TrainingModel(config);
const adamw = { learningRate: 3e-4, betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.1 };
const recipe = {
  batch: { rows, length, accumulate: 1 },
  optimizer: { adamw, clip: 1 },
  schedule: { kind: "constant", warmupSteps: 0 },
  steps: untimed + steps,
  seed: 1,
};
const random = new Random(2);
const tokens = Int32Array.from({ length: rows * length }, () => Math.floor(random.next() * config.vocabSize));
const labels = tokens.map((_, i) => ((i + 1) % length === 0 ? -1 : tokens[i + 1]));
const documents = new Int32Array(tokens.length);
const took = [];
const losses = [];
const optimizer = new Optimizer(recipe.optimizer, new Set());
for (let step = 0; step < untimed + steps; step++) {
  const start = performance.now();
  const { losses: made } = await trainingStep({
    recipe,
    model,
    parameters,
    trained: parameters.names,
    optimizer,
    batches: { batch: () => ({ rows, length, tokens, labels, documents }) },
    method: { compressionLoss: () => undefined, merged: () => undefined },
    teacher: undefined,
    plan: { policy: full(), fading: undefined },
    step,
  });
  if (step >= untimed) took.push(performance.now() - start);
  losses.push(made.loss);
}
const milliseconds = spread(took);
const tokensPerSecond = (1e3 * rows * length) / milliseconds.median;
const flopsPerToken = trainingFlops(config, length);
report({
  kind: "training",
  shape: given.shape,
  rows,
  length,
  milliseconds,
  tokensPerSecond,
  mfuOfMeasuredPeak: utilisation({ flopsPerToken, tokensPerSecond }, ceilings),
  teraflops: (flopsPerToken * tokensPerSecond) / 1e12,
  losses: [losses[0], losses.at(-1)],
});
if (!losses.every(Number.isFinite)) process.exitCode = 1;
