import { type ConfigFields, type NumberRange, SIZE_LIMITS } from "./config-fields.js";

/** How a trained rotation is stretched to longer texts. Positions and lengths are tokens. */
export type RopeScaling =
  | { readonly type: "none" }
  | { readonly type: "linear"; readonly factor: number }
  | { readonly type: "dynamic"; readonly factor: number; readonly originalPositions: number }
  | {
      readonly type: "yarn";
      readonly factor: number;
      readonly originalPositions: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      /** Multiplies cos and sin. */
      readonly attentionFactor: number;
      /** Whether the ramp's ends are rounded to whole channels. */
      readonly truncate: boolean;
    }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalPositions: number;
    };

/** One rotary position embedding (half-split pairs). */
export interface RopeDescriptor {
  readonly headDim: number;
  readonly theta: number;
  readonly scaling: RopeScaling;
}

const FACTOR: NumberRange = { min: 1, max: 1e6 };
const THETA: NumberRange = { min: 1, max: 1e15 };
const POSITIVE: NumberRange = { min: 1e-6, max: 1e6 };
const TYPES = ["default", "linear", "dynamic", "yarn", "llama3"] as const;

/** What a model type and the rest of its config say about rotation. */
export interface RopeDefaults {
  readonly headDim: number;
  readonly theta: number;
  readonly maxPositions: number;
}

/** Rotation by `theta` alone. */
export function plainRope(headDim: number, theta: number): RopeDescriptor {
  return { headDim, theta, scaling: { type: "none" } };
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
  return fields.has(key)
    ? parseRopeParameters(fields.nested(key), { ...defaults, theta }, fields)
    : checkFullRotation(fields, plainRope(defaults.headDim, theta));
}

/** Rotation described by one parameter object; `outer` is the config that may hold `partial_rotary_factor`. */
export function parseRopeParameters(
  fields: ConfigFields,
  defaults: RopeDefaults,
  outer: ConfigFields = fields,
): RopeDescriptor {
  const { headDim, maxPositions } = defaults;
  const theta = fields.number("rope_theta", defaults.theta, THETA);
  const type = fields.choice(fields.has("rope_type") ? "rope_type" : "type", "default", TYPES);
  checkFullRotation(outer, checkFullRotation(fields, plainRope(headDim, theta)));
  return { headDim, theta, scaling: parseScaling(fields, type, maxPositions) };
}

function parseScaling(fields: ConfigFields, type: (typeof TYPES)[number], maxPositions: number): RopeScaling {
  if (type === "default") return { type: "none" };
  const factor = fields.number("factor", undefined, FACTOR);
  if (type === "linear") return { type, factor };
  // Dynamic scaling counts from max_position_embeddings; transformers ignores a stated original length there.
  if (type === "dynamic") return { type, factor, originalPositions: maxPositions };
  if (type === "llama3") {
    const lowFrequencyFactor = fields.number("low_freq_factor", undefined, POSITIVE);
    const highFrequencyFactor = fields.number("high_freq_factor", undefined, POSITIVE);
    if (highFrequencyFactor <= lowFrequencyFactor)
      fields.fail(
        "high_freq_factor",
        `must be above low_freq_factor (${lowFrequencyFactor}), but is ${highFrequencyFactor}`,
      );
    const originalPositions = fields.integer("original_max_position_embeddings", undefined, SIZE_LIMITS.positions);
    return { type, factor, lowFrequencyFactor, highFrequencyFactor, originalPositions };
  }
  const betaFast = fields.number("beta_fast", 32, POSITIVE);
  const betaSlow = fields.number("beta_slow", 1, POSITIVE);
  if (betaFast <= betaSlow) fields.fail("beta_fast", `must be above beta_slow (${betaSlow}), but is ${betaFast}`);
  const originalPositions = fields.integer("original_max_position_embeddings", maxPositions, SIZE_LIMITS.positions);
  const attentionFactor = fields.optionalNumber("attention_factor", POSITIVE) ?? yarnAttentionFactor(fields, factor);
  return {
    type,
    factor,
    originalPositions,
    betaFast,
    betaSlow,
    attentionFactor,
    truncate: fields.boolean("truncate", true),
  };
}

/** YaRN's recommended temperature 0.1 ln(factor) + 1 (Peng et al. 2023, section 3.4), or the ratio of two stated ones. */
function yarnAttentionFactor(fields: ConfigFields, factor: number): number {
  const temperature = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const numerator = fields.optionalNumber("mscale", POSITIVE);
  const denominator = fields.optionalNumber("mscale_all_dim", POSITIVE);
  if (numerator === undefined || denominator === undefined) return temperature(1);
  return temperature(numerator) / temperature(denominator);
}

function checkFullRotation(fields: ConfigFields, rope: RopeDescriptor): RopeDescriptor {
  const share = fields.number("partial_rotary_factor", 1, { min: 0, max: 1 });
  if (share !== 1)
    fields.fail("partial_rotary_factor", `is ${share}, but only models that rotate all channels (1) are supported`);
  return rope;
}
