/** No scaling: angle i of a position is `position * theta^(-2i / rotaryDim)`. */
export interface NoRopeScaling {
  readonly type: "none";
}

/** Positions divided by a factor (Chen et al. 2023, arXiv:2306.15595). */
export interface LinearRopeScaling {
  readonly type: "linear";
  /** How many times longer the context is than the trained one; at least 1. */
  readonly factor: number;
}

/**
 * Base grows with the length once it exceeds `maxPositions` of the descriptor ("dynamic NTK"). Frequencies depend on the
 * length of the whole forward pass, so keys that were cached earlier keep the rotation of their own time.
 */
export interface DynamicRopeScaling {
  readonly type: "dynamic";
  /** At least 1. */
  readonly factor: number;
}

/** YaRN (Peng et al. 2023, arXiv:2309.00071): short wavelengths kept, long ones divided, a ramp between. */
export interface YarnRopeScaling {
  readonly type: "yarn";
  /** At least 1. */
  readonly factor: number;
  /** Context the model was trained with before scaling; default `maxPositions`. */
  readonly originalMaxPositions?: number | undefined;
  /** Multiplies cos and sin; default from `factor`, `mscale` and `mscaleAllDim`. */
  readonly attentionFactor?: number | undefined;
  /** Rotations over the original context above which a channel is kept as it is; default 32. */
  readonly betaFast?: number | undefined;
  /** Rotations below which a channel is divided by `factor`; default 1. */
  readonly betaSlow?: number | undefined;
  /** With `mscaleAllDim`: numerator of the attention factor (DeepSeek); used only when both are there and not zero. */
  readonly mscale?: number | undefined;
  /** With `mscale`: denominator of the attention factor. */
  readonly mscaleAllDim?: number | undefined;
  /** Round the ends of the ramp to whole channels; default true (gpt-oss sets false). */
  readonly truncate?: boolean | undefined;
}

/** Llama 3.1: wavelengths kept, divided by `factor`, or blended, by how often they fit in the original context. */
export interface Llama3RopeScaling {
  readonly type: "llama3";
  /** At least 1. */
  readonly factor: number;
  /** Fewer rotations than this over the original context: divided by `factor`. */
  readonly lowFreqFactor: number;
  /** More rotations than this: kept; must exceed `lowFreqFactor`. */
  readonly highFreqFactor: number;
  /** Context the model was trained with before scaling. */
  readonly originalMaxPositions: number;
}

/** How a model stretches its rotary angles; the `rope_type` of Hugging Face configs, `none` for `default`. */
export type RopeScaling = NoRopeScaling | LinearRopeScaling | DynamicRopeScaling | YarnRopeScaling | Llama3RopeScaling;

/** Everything that fixes the rotary angles of a model; covers `rope_scaling` and `rope_parameters` of a config. */
export interface RopeDescriptor {
  /** Channels of one head. */
  readonly headDim: number;
  /** Channels that turn, from the first on; even, at most `headDim` (`head_dim * partial_rotary_factor`). */
  readonly rotaryDim: number;
  /** Base of the geometric series of wavelengths; `rope_theta`. */
  readonly theta: number;
  /** Longest context of the config, `max_position_embeddings`, in tokens. */
  readonly maxPositions: number;
  readonly scaling: RopeScaling;
}
