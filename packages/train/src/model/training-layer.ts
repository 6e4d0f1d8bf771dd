import { gatedActivation, type Rope, rmsNorm, rowsProduct } from "@kvfold/core";
import { type LayerPolicy, type TrainingCall, trainingAttention } from "@kvfold/kv-cache";
import type { LayerConfig, ModelConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import type { Weights } from "./parameters.js";

/** What a decoder layer needs in training beside its input. */
export interface TrainingLayerContext {
  readonly config: ModelConfig;
  readonly layer: LayerConfig;
  /** Weights of this layer: `self_attn.q_proj.weight`, ... */
  readonly weights: Weights;
  readonly policy: LayerPolicy;
  readonly rope: Rope | undefined;
  readonly rows: number;
  readonly tokens: number;
  readonly call: Pick<TrainingCall, "documents" | "seed" | "step" | "sequence" | "borrowed" | "borrowedFactor">;
}

/** One decoder layer over whole rows `[rows * tokens, hidden]`, differentiable; see `trainingAttention`. */
export function trainingLayer(
  x: tf.Tensor2D,
  context: TrainingLayerContext,
): { out: tf.Tensor2D; auxiliary: Readonly<Record<string, tf.Tensor>> } {
  const { config } = context;
  const { mixed, auxiliary } = attentionOutput(x, context);
  const joined = config.extraNorms ? normed(mixed, "post_attention_layernorm", context) : mixed;
  const h = tf.add(x, joined) as tf.Tensor2D;
  const before = config.extraNorms ? "pre_feedforward_layernorm" : "post_attention_layernorm";
  const mlp = gatedMlp(normed(h, before, context), context);
  const added = config.extraNorms ? normed(mlp, "post_feedforward_layernorm", context) : mlp;
  return { out: tf.add(h, added), auxiliary };
}

function attentionOutput(x: tf.Tensor2D, context: TrainingLayerContext) {
  const { config, rows, tokens, layer } = context;
  const { queryHeads, kvHeads, headDim } = config;
  const [q, k, v] = projections(normed(x, "input_layernorm", context), context);
  const heads = (flat: tf.Tensor2D, count: number, norm?: string): tf.Tensor4D => {
    const split = tf.reshape(flat, [rows * tokens * count, headDim]) as tf.Tensor2D;
    const scaled = norm !== undefined && config.qkNorm ? normed(split, norm, context) : split;
    return tf.transpose(tf.reshape(scaled, [rows, tokens, count, headDim]), [0, 2, 1, 3]);
  };
  const { out, auxiliary } = trainingAttention(context.policy, {
    q: heads(q, queryHeads, "self_attn.q_norm"),
    k: heads(k, kvHeads, "self_attn.k_norm"),
    v: heads(v, kvHeads),
    input: tf.reshape(x, [rows, tokens, config.hiddenSize]),
    scale: config.attentionScale,
    ...(context.rope ? { rope: context.rope } : {}),
    ...(layer.slidingWindow === undefined ? {} : { window: layer.slidingWindow }),
    ...context.call,
  });
  const joined = tf.reshape(tf.transpose(out, [0, 2, 1, 3]), [rows * tokens, queryHeads * headDim]) as tf.Tensor2D;
  return { mixed: project(joined, "self_attn.o_proj", config.attentionBias.o, context), auxiliary };
}

function projections(x: tf.Tensor2D, context: TrainingLayerContext): [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D] {
  const { queryHeads, kvHeads, headDim, fusedProjections, attentionBias } = context.config;
  if (!fusedProjections) {
    const one = (name: string) => project(x, `self_attn.${name}_proj`, attentionBias.qkv, context);
    return [one("q"), one("k"), one("v")];
  }
  const joined = project(x, "self_attn.qkv_proj", false, context);
  const [qSize, kvSize] = [queryHeads * headDim, kvHeads * headDim];
  const part = (start: number, size: number) => tf.slice(joined, [0, start], [-1, size]);
  return [part(0, qSize), part(qSize, kvSize), part(qSize + kvSize, kvSize)];
}

function gatedMlp(x: tf.Tensor2D, context: TrainingLayerContext): tf.Tensor2D {
  const { fusedProjections, intermediateSize, mlpBias, activation } = context.config;
  const joined = fusedProjections ? project(x, "mlp.gate_up_proj", false, context) : undefined;
  const half = (name: string, start: number) =>
    joined ? tf.slice(joined, [0, start], [-1, intermediateSize]) : project(x, `mlp.${name}_proj`, mlpBias, context);
  const hidden = gatedActivation({ gate: half("gate", 0), up: half("up", intermediateSize) }, { activation });
  return project(hidden as tf.Tensor2D, "mlp.down_proj", mlpBias, context);
}

function project(x: tf.Tensor2D, name: string, bias: boolean, { weights }: TrainingLayerContext): tf.Tensor2D {
  const y = rowsProduct(x, weights(`${name}.weight`) as tf.Tensor2D);
  return bias ? tf.add(y, weights(`${name}.bias`)) : y;
}

function normed(x: tf.Tensor2D, name: string, { config, weights }: TrainingLayerContext): tf.Tensor2D {
  const weight = weights(`${name}.weight`) as tf.Tensor1D;
  const attrs = { epsilon: config.normEpsilon, weightOffset: config.normWeightOffset };
  return rmsNorm({ x, weight }, attrs) as tf.Tensor2D;
}
