import { KvfoldError, quoted } from "@kvfold/core";
import type { ConfigFields } from "../config/config-fields.js";

/** An argument that must have one value for a model to be a plain Llama. */
interface Need {
  readonly key: string;
  /** What Megatron takes when the argument is missing. */
  readonly fallback: unknown;
  readonly supported: readonly unknown[];
  /** What the other values mean. */
  readonly otherwise: string;
}

const off = (key: string, otherwise: string): Need => ({ key, fallback: false, supported: [false], otherwise });
const none = (key: string, otherwise: string): Need => ({ key, fallback: null, supported: [null, 1], otherwise });

const NEEDS: readonly Need[] = [
  none(
    "pipeline_model_parallel_size",
    "pipeline-parallel checkpoints: merge them with Megatron's tools/checkpoint/convert.py first",
  ),
  none("virtual_pipeline_model_parallel_size", "pipeline-parallel checkpoints"),
  none("expert_model_parallel_size", "expert-parallel checkpoints"),
  none("num_experts", "mixture of experts"),
  { key: "normalization", fallback: "LayerNorm", supported: ["RMSNorm"], otherwise: "layer norm with a bias" },
  off("apply_layernorm_1p", "norm weights centred on 0"),
  { key: "swiglu", fallback: false, supported: [true], otherwise: "an MLP that is not gated by SiLU" },
  off("add_qkv_bias", "biases on queries, keys and values"),
  off("qk_layernorm", "norms on queries and keys"),
  off("multi_latent_attention", "latent attention"),
  off("apply_residual_connection_post_layernorm", "residuals taken after the norm"),
  none("rotary_seq_len_interpolation_factor", "interpolated positions"),
  { key: "window_size", fallback: null, supported: [null], otherwise: "sliding windows" },
];

/** @throws KvfoldError `megatron-unsupported` that names the argument of a model that is no plain Llama */
export function refuseUnsupported(fields: ConfigFields, where: string): void {
  const refuse = (key: string, value: unknown, otherwise: string): never => {
    throw new KvfoldError(
      "megatron-unsupported",
      `${where}: "${key}" is ${quoted(value)}: ${otherwise} are not supported. Supported are Llama models: RMSNorm, SwiGLU, ` +
        "rotary positions, no biases, any tensor-parallel size, pipeline-parallel size 1.",
    );
  };
  for (const { key, fallback, supported, otherwise } of NEEDS) {
    const value = fields.raw(key) ?? fallback;
    if (!supported.includes(value)) refuse(key, simple(value), otherwise);
  }
  // Older arguments state the opposite, or two flags instead of a type.
  const bias = fields.has("add_bias_linear")
    ? fields.boolean("add_bias_linear", true)
    : !fields.boolean("disable_bias_linear", false);
  if (bias) refuse("add_bias_linear", true, "biases on linear layers");
  const rotary = fields.boolean("use_rotary_position_embeddings", false);
  const positions = rotary ? "rope" : fields.string("position_embedding_type", "learned_absolute");
  if (positions !== "rope") refuse("position_embedding_type", positions, "other positions than rotary ones");
}

/** Values of a pickle may be objects, which a message only names. */
function simple(value: unknown): unknown {
  return typeof value === "object" && value !== null ? "an object" : typeof value === "bigint" ? String(value) : value;
}
