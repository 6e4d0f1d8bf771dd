import type { Activation, RopeDescriptor } from "@kvfold/core";
import type { RetrofitConfig } from "./retrofit-config.js";

/** Model types that the decoder understands, as `config.json` names them. */
export const ARCHITECTURES = ["llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma3_text", "phi3"] as const;

/** One of {@link ARCHITECTURES}. */
export type Architecture = (typeof ARCHITECTURES)[number];

/** What differs from layer to layer. */
export interface LayerConfig {
  /** False: the layer attends without any position information (SmolLM3's NoPE layers). */
  readonly useRope: boolean;
  /** Which of the model's rotations: `global` = `ModelConfig.rope`, `local` = `ModelConfig.ropeLocal`. */
  readonly ropeKind: "global" | "local";
  /** Tokens that a query may see, its own included; undefined: all earlier ones. */
  readonly slidingWindow: number | undefined;
}

/**
 * A decoder's shape and rules with every default resolved: no reader needs to know the model type's conventions.
 * Sizes are counts (not bytes); ids index the vocabulary.
 */
export interface ModelConfig {
  readonly architecture: Architecture;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  /** Trained context in tokens. */
  readonly maxPositions: number;
  readonly normEpsilon: number;
  /** True: the output projection is the embedding table, and the file has no `lm_head.weight`. */
  readonly tiedEmbeddings: boolean;
  /** Which projections of attention add a bias. */
  readonly attentionBias: { readonly qkv: boolean; readonly o: boolean };
  /** True: gate, up and down projections add a bias. */
  readonly mlpBias: boolean;
  /** True: RMSNorm over `headDim` on q and k before RoPE. */
  readonly qkNorm: boolean;
  /** Non-linearity of the gated MLP. */
  readonly activation: Activation;
  /** One entry a layer. */
  readonly perLayer: readonly LayerConfig[];
  readonly rope: RopeDescriptor;
  /** Rotation of the sliding-window layers where it is another one (Gemma 3). */
  readonly ropeLocal: RopeDescriptor | undefined;
  /** Factor on q.k before softmax. */
  readonly attentionScale: number;
  /** Factor on the embedding's output; 1 for all but Gemma. */
  readonly embeddingScale: number;
  /** Added to every norm weight: Gemma multiplies by (1 + w), the others by w. */
  readonly normWeightOffset: 0 | 1;
  /** True: further norms after attention and after the MLP (Gemma 3's four norms a layer). */
  readonly extraNorms: boolean;
  /** True: weights are stored as `qkv_proj` (rows q, k, v) and `gate_up_proj` (rows gate, up), as Phi-3 does. */
  readonly fusedProjections: boolean;
  readonly bosId: number | undefined;
  /** Every id that ends a text, of `config.json` and `generation_config.json` together; may be empty. */
  readonly eosIds: readonly number[];
  /** How the model was retrofitted to compress its cache; undefined for a plain model. */
  readonly retrofit: RetrofitConfig | undefined;
}
