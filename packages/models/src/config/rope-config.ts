import type { RopeDescriptor, RopeScaling } from "@kvfold/core";
import { type ConfigFields, type NumberRange, SIZE_LIMITS } from "./config-fields.js";

const FACTOR: NumberRange = { min: 1, max: 1e6 };
const THETA: NumberRange = { min: 1 + 1e-6, max: 1e15 };
const POSITIVE: NumberRange = { min: 1e-6, max: 1e6 };
const TYPES = ["default", "linear", "dynamic", "yarn", "llama3"] as const;

/** What a model type and the rest of its config say about rotation. */
export interface RopeDefaults {
  readonly headDim: number;
  readonly theta: number;
  readonly maxPositions: number;
}

/** Rotation of every channel by `theta` alone. */
export function plainRope({ headDim, theta, maxPositions }: RopeDefaults): RopeDescriptor {
  return { headDim, rotaryDim: headDim, theta, maxPositions, scaling: { type: "none" } };
}

/**
 * Rotation of a config in either spelling: `rope_theta` + `rope_scaling` (transformers 4) or `rope_parameters`
 * (transformers 5, theta inside). Older files say `type` for `rope_type`.
 *
 * @param fields the whole config
 * @param defaults what counts where the config is silent
 * @throws KvfoldError for unknown kinds, missing or absurd parameters
 */
export function parseRope(fields: ConfigFields, defaults: RopeDefaults): RopeDescriptor {
  const theta = fields.number("rope_theta", defaults.theta, THETA);
  const key = fields.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const rope = fields.has(key)
    ? parseRopeParameters(fields.nested(key), { ...defaults, theta })
    : plainRope({ ...defaults, theta });
  // transformers 4 keeps the share of rotated channels beside rope_scaling, transformers 5 inside rope_parameters.
  return fields.has("partial_rotary_factor") ? { ...rope, rotaryDim: rotaryChannels(fields, rope.headDim) } : rope;
}

/** Rotation described by one parameter object. */
export function parseRopeParameters(fields: ConfigFields, defaults: RopeDefaults): RopeDescriptor {
  const theta = fields.number("rope_theta", defaults.theta, THETA);
  const type = fields.choice(fields.has("rope_type") ? "rope_type" : "type", "default", TYPES);
  const rotaryDim = rotaryChannels(fields, defaults.headDim);
  // Dynamic scaling raises theta to the power d / (d - 2).
  if (type === "dynamic" && rotaryDim <= 2)
    fields.fail("rope_type", "is dynamic, which needs more than 2 rotated channels");
  return { ...plainRope({ ...defaults, theta }), rotaryDim, scaling: parseScaling(fields, type) };
}

function parseScaling(fields: ConfigFields, type: (typeof TYPES)[number]): RopeScaling {
  if (type === "default") return { type: "none" };
  const factor = fields.number("factor", undefined, FACTOR);
  if (type === "linear" || type === "dynamic") return { type, factor };
  if (type === "llama3") {
    const lowFreqFactor = fields.number("low_freq_factor", undefined, POSITIVE);
    const highFreqFactor = fields.number("high_freq_factor", undefined, POSITIVE);
    if (highFreqFactor <= lowFreqFactor)
      fields.fail("high_freq_factor", `must be above low_freq_factor (${lowFreqFactor}), but is ${highFreqFactor}`);
    const originalMaxPositions = fields.integer("original_max_position_embeddings", undefined, SIZE_LIMITS.positions);
    return { type, factor, lowFreqFactor, highFreqFactor, originalMaxPositions };
  }
  const betaFast = fields.optionalNumber("beta_fast", POSITIVE);
  const betaSlow = fields.optionalNumber("beta_slow", POSITIVE);
  if ((betaFast ?? 32) <= (betaSlow ?? 1)) fields.fail("beta_fast", `must be above beta_slow (${betaSlow ?? 1})`);
  return {
    type,
    factor,
    originalMaxPositions: fields.optionalNumber("original_max_position_embeddings", SIZE_LIMITS.positions),
    attentionFactor: fields.optionalNumber("attention_factor", POSITIVE),
    betaFast,
    betaSlow,
    mscale: fields.optionalNumber("mscale", { min: 0, max: 1e6 }),
    mscaleAllDim: fields.optionalNumber("mscale_all_dim", { min: 0, max: 1e6 }),
    truncate: fields.has("truncate") ? fields.boolean("truncate", true) : undefined,
  };
}

/** `partial_rotary_factor` of the head's channels, as a whole even number. */
function rotaryChannels(fields: ConfigFields, headDim: number): number {
  const share = fields.number("partial_rotary_factor", 1, { min: 0, max: 1 });
  const channels = Math.trunc(headDim * share);
  if (channels < 2 || channels % 2 !== 0)
    fields.fail(
      "partial_rotary_factor",
      `is ${share}: of ${headDim} channels that rotates ${channels}, not an even number`,
    );
  return channels;
}
