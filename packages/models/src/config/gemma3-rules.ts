import type { Shape } from "./architectures.js";
import { type ConfigFields, SIZE_LIMITS } from "./config-fields.js";
import { layerRows, slidingLayers } from "./layer-patterns.js";
import type { ModelConfig } from "./model-config.js";
import { parseRopeParameters, plainRope } from "./rope-config.js";

/**
 * Gemma 3 (text): norms multiply by (1 + w) and also follow attention and MLP, the embedding is scaled by sqrt(hidden), scores
 * by `query_pre_attn_scalar`, and sliding layers rotate with their own base.
 */
export function gemma3Rules(fields: ConfigFields, shape: Shape): Partial<ModelConfig> {
  const { layers, hiddenSize, headDim, maxPositions } = shape;
  for (const key of ["attn_logit_softcapping", "final_logit_softcapping"])
    if (fields.has(key))
      fields.fail(key, "is set, but logit soft-capping is not supported: Gemma 3 models leave it null");
  if (fields.boolean("use_bidirectional_attention", false))
    fields.fail("use_bidirectional_attention", "is true, but only causal models are supported");
  const pattern = fields.integer(
    fields.has("sliding_window_pattern") ? "sliding_window_pattern" : "_sliding_window_pattern",
    6,
    SIZE_LIMITS.layers,
  );
  const window = fields.integer("sliding_window", 4096, SIZE_LIMITS.positions);
  const sliding = slidingLayers(fields, layers, (layer) => (layer + 1) % pattern !== 0);
  const bias = fields.boolean("attention_bias", false);
  const scalar = fields.number("query_pre_attn_scalar", 256, { min: 1e-3, max: 1e6 });
  return {
    attentionBias: { qkv: bias, o: bias },
    qkNorm: true,
    attentionScale: scalar ** -0.5,
    embeddingScale: Math.sqrt(hiddenSize),
    normWeightOffset: 1,
    extraNorms: true,
    perLayer: layerRows(layers, (layer) =>
      sliding[layer] ? { ropeKind: "local", slidingWindow: window } : { ropeKind: "global" },
    ),
    ...gemma3Ropes(fields, headDim, maxPositions),
  };
}

/** transformers 5 states one rotation per layer kind; transformers 4 scales the full layers' only. */
function gemma3Ropes(fields: ConfigFields, headDim: number, maxPositions: number): Partial<ModelConfig> {
  const range = { min: 1, max: 1e15 };
  const globalDefaults = { headDim, maxPositions, theta: fields.number("rope_theta", 1_000_000, range) };
  const localDefaults = { headDim, maxPositions, theta: fields.number("rope_local_base_freq", 10_000, range) };
  if (!fields.has("rope_parameters")) {
    const rope = fields.has("rope_scaling")
      ? parseRopeParameters(fields.nested("rope_scaling"), globalDefaults)
      : plainRope(globalDefaults);
    return { rope, ropeLocal: plainRope(localDefaults) };
  }
  const kinds = fields.nested("rope_parameters");
  const read = (kind: string, defaults: typeof globalDefaults) =>
    kinds.has(kind) ? parseRopeParameters(kinds.nested(kind), defaults) : plainRope(defaults);
  return { rope: read("full_attention", globalDefaults), ropeLocal: read("sliding_attention", localDefaults) };
}
