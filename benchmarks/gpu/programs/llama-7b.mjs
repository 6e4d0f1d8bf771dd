// Decoding of a Llama-2-7B-shaped model at the largest batch that fits, 512 tokens in and 2,048 out, at CR 1, 2, 4 and 8:
//   llama-7b.mjs [--limit BYTES] [--results FILE] [--shape 7b] [--prompt 512] [--generated 2048] [--ratios 1,2,4,8]
// Decoding is timed at four depths, tokens drawn and read each time, and integrated. With --batch the batch is that.
import { parseArgs } from "node:util";
import { Rope } from "@kvfold/core";
import { dmc } from "@kvfold/dmc";
import { full } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { forcedEntries, layerDensities } from "../../../packages/dmc/src/forced-decisions.js";
import { drawTokens } from "../../../packages/kernels-cuda/src/sampling/draw-tokens.js";
import { pageMemory } from "../../../packages/kernels-cuda/src/store/page-memory.js";
import { spread } from "../../src/spread.mjs";
import { fourDepths, integrate, largestBatch, leastStepMs, pagesOf } from "../bounds.mjs";
import { matrixParameters, shapes } from "../shapes.mjs";
import { measureCeilings } from "./ceilings.mjs";
import { fillCache } from "./fill-cache.mjs";
import { randomLlama } from "./random-llama.mjs";
import { report } from "./report.mjs";
import { useCuda } from "./use-cuda.mjs";

const text = { type: "string" };
const { values: given } = parseArgs({
  options: {
    limit: text,
    results: text,
    batch: text,
    shape: { ...text, default: "7b" },
    prompt: { ...text, default: "512" },
    generated: { ...text, default: "2048" },
    ratios: { ...text, default: "1,2,4,8" },
    steps: { ...text, default: "8" },
    side: { ...text, default: "8192" },
    numbers: { ...text, default: `${2 ** 29}` },
  },
});
const [prompt, generated, steps] = [given.prompt, given.generated, given.steps].map(Number);
const limit = given.limit === undefined ? undefined : Number(given.limit);
/** Steps in front of the timed ones: as usual, recorded, replayed. */
const untimed = 3;
const slots = 16;
/** For everything else: what a step computes with, prompts' chunks, pieces that blocks are cut from. */
const headroomOf = (bytes) => Math.min(2 ** 30, Math.max(2 ** 22, bytes / 32));

const loaded = await useCuda({ matmulPrecision: "bf16", ...(limit === undefined ? {} : { memoryLimit: limit }) });
const { engine } = tf.backend();
const ceilings = measureCeilings({ side: +given.side, numbers: +given.numbers, results: given.results });
engine.pool.trim();
const model = randomLlama(shapes[given.shape]);
const { config } = model;
const rope = new Rope(config.rope);
const parameters = matrixParameters(config);
warmUp();
engine.pool.trim();
const weightBytes = engine.pool.figures.reservedBytes;
const room = Math.min(limit ?? Number.POSITIVE_INFINITY, 0.97 * loaded.device.memoryBytes);
for (const ratio of given.ratios.split(",").map(Number)) await measure(ratio);

/** Brings the weights to the device. */
function warmUp() {
  const cache = model.createCache(full(), 1, "bf16");
  model.forward(cache, [[1]]).dispose();
  cache.dispose();
}

async function measure(ratio) {
  const policy = ratio === 1 ? full() : dmc({ force: ratio });
  const last = prompt + generated + steps + untimed;
  const sequence = sequenceOf(policy, ratio, last);
  const batch = Number(
    given.batch ?? largestBatch({ limit: room - headroomOf(room), fixed: weightBytes, each: sequence.bytes }),
  );
  const result = { kind: "7b", shape: given.shape, cr: ratio, limit: limit ?? null, prompt, generated, batch };
  if (batch < 1) return report({ ...result, error: "not one sequence fits" });
  const cache = model.createCache(policy, batch, "bf16");
  try {
    // pages are made once: growing copies, and needs the old ones beside the new
    pageMemory(engine, sequence.pageBytes).reserve(Math.ceil(batch * sequence.pages * 1.04));
    const depths = [];
    for (const depth of fourDepths(prompt, generated)) depths.push(await atDepth(cache, depth, batch));
    const ms = integrate(depths.map(({ depth, milliseconds }) => [depth, milliseconds.median]));
    const least = integrate(depths.map(({ depth, leastMs }) => [depth, leastMs]));
    const rates = {
      tokensPerSecond: (1e3 * batch * generated) / ms,
      boundTokensPerSecond: (1e3 * batch * generated) / least,
    };
    const memory = { weightBytes, peakBytes: engine.pool.figures.peakBytes };
    report({ ...result, ...rates, percentOfBound: (100 * least) / ms, ...ceilings, ...memory, depths });
  } finally {
    cache.dispose();
    engine.pool.trim();
  }
}

/** What a sequence of so many tokens holds at the end. */
function sequenceOf(policy, ratio, tokens) {
  const { layers, queryHeads, kvHeads, headDim } = config;
  let [pages, bytes, pageBytes] = [0, 0, 0];
  for (let layer = 0; layer < layers; layer++) {
    const shape = { layer, layers, queryHeads, kvHeads, headDim };
    const { columns, mergeWindow } = policy.forLayer(shape).traits;
    const ringRows = mergeWindow === undefined ? 0 : (mergeWindow ?? 1);
    const places = [columns.length, columns.indexOf("position"), columns.indexOf("until"), ringRows];
    const layout = engine.plans.entryLayout(1, headDim, slots, ...places);
    pageBytes = layout[4];
    const densities = ratio === 1 ? new Array(kvHeads).fill(1) : [...layerDensities(ratio, shape, undefined)];
    const own = pagesOf(
      densities.map((density) => forcedEntries(density, tokens)),
      slots,
    );
    pages += own;
    bytes += own * pageBytes + kvHeads * layout[13];
  }
  // logits twice, and the activations of a step
  return {
    pages,
    pageBytes,
    bytes: bytes + 8 * config.vocabSize + 4 * (8 * config.hiddenSize + 4 * config.intermediateSize),
  };
}

async function atDepth(cache, depth, batch) {
  fillCache(cache, depth, { rope, chunkBytes: headroomOf(room) / 16 });
  const rows = Array.from({ length: batch }, () => ({
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    random: 0,
  }));
  let ids = rows.map((_, row) => row % config.vocabSize);
  const took = [];
  for (let i = 0; i < untimed + steps; i++) {
    const start = performance.now();
    const logits = model.forward(
      cache,
      ids.map((id) => [id]),
    );
    ids = [...(await drawTokens(logits, rows))];
    logits.dispose();
    if (i >= untimed) took.push(performance.now() - start);
  }
  const liveBytes = cache
    .stats()
    .layers.reduce((sum, { entries }) => sum + entries.flat().reduce((a, b) => a + b, 0), 0);
  const entryBytes = liveBytes * 2 * config.headDim * 2;
  const leastMs = leastStepMs({ bytes: 2 * parameters + entryBytes, parameters, batch }, ceilings);
  return { depth, milliseconds: spread(took), leastMs, entryBytes };
}
