import { type ConfigFields, SIZE_LIMITS } from "./config-fields.js";
import { gemma3Rules } from "./gemma3-rules.js";
import { layerRows, qwenLayers, smollm3Layers } from "./layer-patterns.js";
import type { Architecture, ModelConfig } from "./model-config.js";

/** The values that `transformers` gives the keys that a config leaves out, per model type. */
export interface ArchitectureDefaults {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly queryHeads: number;
  /** null: as many as query heads. */
  readonly kvHeads: number | null;
  /** null: hidden size / query heads. */
  readonly headDim: number | null;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly normEpsilon: number;
  readonly tiedEmbeddings: boolean;
  readonly theta: number;
  readonly bosId: number | null;
  readonly eosId: number | null;
}

/** Sizes that an architecture's own rules may need. */
export interface Shape {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly headDim: number;
  readonly maxPositions: number;
}

/** Where an architecture leaves plain Llama: replaces the fields that {@link parseConfig} fills by default. */
export type ArchitectureRules = (fields: ConfigFields, shape: Shape) => Partial<ModelConfig>;

const LLAMA: ArchitectureDefaults = {
  hiddenSize: 4096,
  intermediateSize: 11008,
  layers: 32,
  queryHeads: 32,
  kvHeads: null,
  headDim: null,
  vocabSize: 32000,
  maxPositions: 2048,
  normEpsilon: 1e-6,
  tiedEmbeddings: false,
  theta: 10000,
  bosId: 1,
  eosId: 2,
};

const QWEN2: ArchitectureDefaults = {
  ...LLAMA,
  intermediateSize: 22016,
  kvHeads: 32,
  vocabSize: 151936,
  maxPositions: 32768,
  bosId: null,
  eosId: null,
};

/** Defaults and rules of every supported model type. A new family is one entry here and one in `ARCHITECTURES`. */
export const ARCHITECTURE_TABLE: Readonly<
  Record<Architecture, { readonly defaults: ArchitectureDefaults; readonly rules: ArchitectureRules }>
> = {
  llama: {
    defaults: LLAMA,
    rules: (fields) => ({ attentionBias: sharedBias(fields), mlpBias: fields.boolean("mlp_bias", false) }),
  },
  mistral: {
    defaults: { ...LLAMA, intermediateSize: 14336, kvHeads: 8, maxPositions: 131072 },
    rules: (fields, shape) => {
      const window = fields.integerOrNull("sliding_window", 4096, SIZE_LIMITS.positions);
      return { perLayer: layerRows(shape.layers, () => ({ slidingWindow: window ?? undefined })) };
    },
  },
  qwen2: {
    defaults: QWEN2,
    // The bias on q, k and v is part of the architecture: no config key states it.
    rules: (fields, shape) => ({ attentionBias: { qkv: true, o: false }, perLayer: qwenLayers(fields, shape.layers) }),
  },
  qwen3: {
    defaults: { ...QWEN2, headDim: 128 },
    rules: (fields, shape) => ({
      attentionBias: sharedBias(fields),
      qkNorm: true,
      perLayer: qwenLayers(fields, shape.layers),
    }),
  },
  smollm3: {
    defaults: {
      ...LLAMA,
      hiddenSize: 2048,
      layers: 36,
      queryHeads: 16,
      kvHeads: 4,
      vocabSize: 128256,
      maxPositions: 32768,
      tiedEmbeddings: true,
      theta: 2_000_000,
      bosId: 128000,
      eosId: 128001,
    },
    rules: (fields, shape) => ({
      attentionBias: sharedBias(fields),
      mlpBias: fields.boolean("mlp_bias", false),
      perLayer: smollm3Layers(fields, shape.layers),
    }),
  },
  gemma3_text: {
    defaults: {
      ...LLAMA,
      hiddenSize: 2304,
      intermediateSize: 9216,
      layers: 26,
      queryHeads: 8,
      kvHeads: 4,
      headDim: 256,
      vocabSize: 262208,
      maxPositions: 131072,
      tiedEmbeddings: true,
      theta: 1_000_000,
      bosId: 2,
      eosId: 1,
    },
    rules: gemma3Rules,
  },
  phi3: {
    defaults: {
      ...LLAMA,
      hiddenSize: 3072,
      intermediateSize: 8192,
      vocabSize: 32064,
      maxPositions: 4096,
      normEpsilon: 1e-5,
      eosId: 32000,
    },
    rules: (fields, shape) => {
      const window = fields.integerOrNull("sliding_window", null, SIZE_LIMITS.positions);
      return {
        fusedProjections: true,
        perLayer: layerRows(shape.layers, () => ({ slidingWindow: window ?? undefined })),
      };
    },
  },
};

function sharedBias(fields: ConfigFields): { qkv: boolean; o: boolean } {
  const bias = fields.boolean("attention_bias", false);
  return { qkv: bias, o: bias };
}
