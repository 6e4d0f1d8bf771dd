import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSafetensors } from "../safetensors/safetensors-file.js";
import { goldensPath, skipReason } from "../testing/shared-files.js";
import { inverseFrequencies } from "./inverse-frequencies.js";
import type { RopeDescriptor, RopeScaling } from "./rope-descriptor.js";

const plain: RopeDescriptor = {
  headDim: 16,
  rotaryDim: 16,
  theta: 10000,
  maxPositions: 512,
  scaling: { type: "none" },
};

function expectRatio(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    expect(Math.abs((actual[i] as number) / (expected[i] as number) - 1)).toBeLessThan(tolerance);
  }
}

/**
 * Numbers of transformers 4.57.6 (modeling_rope_utils.py) run in double precision, for fields that no golden model uses.
 * `length` reaches dynamic scaling only.
 */
const published: [string, Partial<RopeDescriptor>, number[], number, number?][] = [
  [
    "yarn with its defaults",
    { maxPositions: 4096, scaling: { type: "yarn", factor: 4 } },
    [1, 0.31622776601683794, 0.1, 0.02569350598886808, 0.00625, 0.0013834964763236662, 0.00025, 7.905694150420948e-5],
    1.138629436111989,
  ],
  [
    "yarn with both mscales",
    {
      maxPositions: 163840,
      scaling: { type: "yarn", factor: 40, originalMaxPositions: 4096, mscale: 1, mscaleAllDim: 0.8 },
    },
    [1, 0.31622776601683794, 0.1, 0.023914724805023366, 0.005125, 0.0008498621211702521, 2.5e-5, 7.905694150420947e-6],
    1.0569662567531275,
  ],
  [
    "yarn with one mscale, which counts for nothing",
    { maxPositions: 163840, scaling: { type: "yarn", factor: 40, originalMaxPositions: 4096, mscale: 0.9 } },
    [1, 0.31622776601683794, 0.1, 0.023914724805023366, 0.005125, 0.0008498621211702521, 2.5e-5, 7.905694150420947e-6],
    1.3688879454113936,
  ],
  [
    "yarn without truncation",
    {
      theta: 150000,
      maxPositions: 131072,
      scaling: { type: "yarn", factor: 32, originalMaxPositions: 4096, betaFast: 32, betaSlow: 1, truncate: false },
    },
    [
      1, 0.2254180002028708, 0.050813274815461475, 0.006794959489732219, 0.00045648391922324086, 1.818833668168956e-5,
      4.0999784818029795e-6, 9.242089502428301e-7,
    ],
    1.3465735902799727,
  ],
  [
    "yarn with its own attention factor and betas",
    {
      theta: 500000,
      maxPositions: 32768,
      scaling: { type: "yarn", factor: 2, attentionFactor: 0.7, betaFast: 16, betaSlow: 2 },
    },
    [
      1, 0.19392274474868576, 0.03760603093086393, 0.0072926647372171085, 0.0010606601717798212, 0.00013712408783810365,
      2.6591479484724945e-5, 5.15669268860623e-6,
    ],
    0.7,
  ],
  [
    "Llama 3.1",
    {
      theta: 500000,
      maxPositions: 131072,
      scaling: { type: "llama3", factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 },
    },
    [
      1, 0.19392274474868576, 0.03760603093086393, 0.0072926647372171085, 0.0005248461609929547, 3.428102195952591e-5,
      6.647869871181236e-6, 1.2891731721515574e-6,
    ],
    1,
  ],
  [
    "dynamic beyond the trained length",
    { maxPositions: 2048, scaling: { type: "dynamic", factor: 2 } },
    [
      1, 0.26051709445418625, 0.06786915650285139, 0.01768107545517928, 0.0046062224044085345, 0.001199999677206287,
      0.0003126204292517432, 8.144296589568463e-5,
    ],
    1,
    5000,
  ],
  [
    "dynamic within the trained length",
    { maxPositions: 2048, scaling: { type: "dynamic", factor: 2 } },
    [1, 0.31622776601683794, 0.1, 0.03162277660168379, 0.01, 0.00316227766016838, 0.001, 0.00031622776601683794],
    1,
    100,
  ],
  [
    "linear on a part of the channels",
    { headDim: 32, rotaryDim: 8, scaling: { type: "linear", factor: 2.5 } },
    [0.4, 0.04, 0.004, 0.0004],
    1,
  ],
];

describe("inverseFrequencies against transformers' formulas", () => {
  it.each(published)("%s", (_, change, expected, attentionScaling, length) => {
    const found = inverseFrequencies({ ...plain, ...change }, length);
    expectRatio(found.inverseFrequencies, expected, 1e-12);
    expectRatio([found.attentionScaling], [attentionScaling], 1e-12);
  });
});

const models = goldensPath("hf/models");

interface GoldenIndex {
  readonly tokens: number;
  readonly cases: Record<string, { readonly dir: string; readonly rope_attention_scaling: number }>;
}

/** The rope of a golden model, from the fields that the configs of these models use. */
function descriptorOf(config: Record<string, unknown>): RopeDescriptor {
  const headDim = Number(config.head_dim ?? Number(config.hidden_size) / Number(config.num_attention_heads));
  const raw = (config.rope_scaling ?? {}) as Record<string, unknown>;
  const scaling = {
    type: raw.rope_type ?? "none",
    factor: raw.factor,
    lowFreqFactor: raw.low_freq_factor,
    highFreqFactor: raw.high_freq_factor,
    originalMaxPositions: raw.original_max_position_embeddings,
  } as RopeScaling;
  const maxPositions = Number(config.max_position_embeddings);
  return { headDim, rotaryDim: headDim, theta: Number(config.rope_theta), maxPositions, scaling };
}

describe("inverseFrequencies against golden models", () => {
  if (models === undefined) {
    const reason = skipReason("goldens/hf/models");
    console.warn(`Rope goldens are skipped: ${reason}`);
    it.skip(reason);
    return;
  }
  const index = JSON.parse(readFileSync(join(models, "index.json"), "utf8")) as GoldenIndex;
  it.each(Object.entries(index.cases))("%s", (_, golden) => {
    const config = JSON.parse(readFileSync(join(models, golden.dir, "config.json"), "utf8"));
    const descriptor = descriptorOf(config);
    const found = inverseFrequencies(descriptor, index.tokens);
    const file = openSafetensors(join(models, golden.dir, "golden.safetensors"));
    // transformers rounds every step to float32.
    expectRatio(found.inverseFrequencies, file.readFloat32("rope.inv_freq"), 1e-6);
    expectRatio([found.attentionScaling], [golden.rope_attention_scaling], 1e-12);
    if (file.tensors.has("rope.inv_freq_local")) {
      const local = inverseFrequencies({ ...descriptor, theta: config.rope_local_base_freq });
      expectRatio(local.inverseFrequencies, file.readFloat32("rope.inv_freq_local"), 1e-6);
    }
    file.close();
  });
});

describe("inverseFrequencies rejects", () => {
  it.each<[string, Partial<RopeDescriptor>]>([
    ["rotaryDim must be an even number from 2 to headDim (16); it is 7", { rotaryDim: 7 }],
    ["rotaryDim must be an even number from 2 to headDim (16); it is 18", { rotaryDim: 18 }],
    ["theta must be a number above 1; it is NaN", { theta: Number.NaN }],
    ["maxPositions must be a positive whole number; it is 0", { maxPositions: 0 }],
    ["factor must be a number of at least 1; it is 0", { scaling: { type: "linear", factor: 0 } }],
    [
      "rotaryDim must be above 2 with dynamic scaling; it is 2",
      { rotaryDim: 2, scaling: { type: "dynamic", factor: 2 } },
    ],
    ["betaFast must be a number above 0, or absent; it is -1", { scaling: { type: "yarn", factor: 2, betaFast: -1 } }],
    [
      "highFreqFactor must be a number above lowFreqFactor (4); it is 4",
      { scaling: { type: "llama3", factor: 8, lowFreqFactor: 4, highFreqFactor: 4, originalMaxPositions: 64 } },
    ],
  ])("%s", (message, change) => {
    expect(() => inverseFrequencies({ ...plain, ...change })).toThrow(message);
  });
});
