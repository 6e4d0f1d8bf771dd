import {
  formatByteLength,
  isPackedWeight,
  KvfoldError,
  type LinearWeight,
  type PackedWeight,
  packedSupport,
  packedWeight,
  type StorageType,
} from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { ModelConfig } from "../config/model-config.js";
import type { TensorSource } from "../weights/tensor-source.js";
import { chosenStorage, type WeightStorage } from "../weights/weight-storage.js";
import type { DecoderLayerWeights, DecoderWeights, EmbeddingRows, Projection } from "./decoder-weights.js";
import { transposeMatrix } from "./transpose-matrix.js";

/** Told after each tensor: bytes read so far, and of all. */
export type LoadProgress = (done: number, total: number) => void;

/** Options of {@link loadDecoderWeights}. */
export interface LoadDecoderWeightsOptions {
  /** How matrices are held. Default `auto`. */
  readonly weights?: WeightStorage;
  readonly onProgress?: LoadProgress | undefined;
}

/**
 * Loads a decoder's weights, one at a time. Matrices stay packed where the backend computes on what the file stores (see
 * {@link WeightStorage}); else they become float32 tensors, transposed to `[in, out]`, the order in which the portable
 * backends multiply fastest. The embedding table stays in the file: rows are read as tokens come, so tied models hold
 * their largest matrix once.
 *
 * @throws KvfoldError `weights-storage` when the backend cannot hold them so
 * @throws KvfoldError `weights-shape` when a tensor's shape does not fit the config, `tensor-missing` when one is absent
 */
export function loadDecoderWeights(
  source: TensorSource,
  config: ModelConfig,
  options: LoadDecoderWeightsOptions = {},
): DecoderWeights {
  const reader = new WeightReader(source, options);
  try {
    const layers = config.perLayer.map((_, i) => loadLayer(reader, config, `model.layers.${i}`));
    const headName = config.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight";
    return {
      embedding: embeddingRows(reader, config),
      layers,
      finalNorm: reader.vector("model.norm.weight", config.hiddenSize),
      head: reader.matrix(headName, config.vocabSize, config.hiddenSize),
    };
  } catch (error) {
    reader.disposeAll();
    throw error;
  }
}

/** Frees every tensor of the weights. */
export function disposeDecoderWeights(weights: DecoderWeights): void {
  const dispose = (x: unknown): void => {
    if (
      x instanceof tf.Tensor ||
      (typeof x === "object" && x !== null && "unpack" in x && isPackedWeight(x as LinearWeight))
    ) {
      (x as tf.Tensor).dispose();
    } else if (typeof x === "object" && x !== null) Object.values(x).forEach(dispose);
  };
  dispose({ ...weights, embedding: weights.embedding instanceof tf.Tensor ? weights.embedding : {} });
}

function loadLayer(reader: WeightReader, config: ModelConfig, prefix: string): DecoderLayerWeights {
  const { hiddenSize, intermediateSize, queryHeads, kvHeads, headDim, attentionBias, qkNorm, extraNorms } = config;
  const qSize = queryHeads * headDim;
  const kvSize = kvHeads * headDim;
  const attention = `${prefix}.self_attn`;
  const [q, k, v] = config.fusedProjections
    ? reader.fused(`${attention}.qkv_proj`, [qSize, kvSize, kvSize], hiddenSize)
    : [
        reader.projection(`${attention}.q_proj`, qSize, hiddenSize, attentionBias.qkv),
        reader.projection(`${attention}.k_proj`, kvSize, hiddenSize, attentionBias.qkv),
        reader.projection(`${attention}.v_proj`, kvSize, hiddenSize, attentionBias.qkv),
      ];
  const [gate, up] = config.fusedProjections
    ? reader.fused(`${prefix}.mlp.gate_up_proj`, [intermediateSize, intermediateSize], hiddenSize)
    : [
        reader.projection(`${prefix}.mlp.gate_proj`, intermediateSize, hiddenSize, config.mlpBias),
        reader.projection(`${prefix}.mlp.up_proj`, intermediateSize, hiddenSize, config.mlpBias),
      ];
  const down = reader.projection(`${prefix}.mlp.down_proj`, hiddenSize, intermediateSize, config.mlpBias);
  const norm = (name: string, size = hiddenSize) => reader.vector(`${prefix}.${name}.weight`, size);
  return {
    inputNorm: norm("input_layernorm"),
    q: q as Projection,
    k: k as Projection,
    v: v as Projection,
    o: reader.projection(`${attention}.o_proj`, hiddenSize, qSize, attentionBias.o),
    ...(qkNorm ? { qNorm: norm("self_attn.q_norm", headDim), kNorm: norm("self_attn.k_norm", headDim) } : {}),
    // Gemma 3 has four norms a layer, and gives Llama's name for the MLP's norm to the one after attention
    ...(extraNorms
      ? {
          attentionOutputNorm: norm("post_attention_layernorm"),
          mlpNorm: norm("pre_feedforward_layernorm"),
          mlpOutputNorm: norm("post_feedforward_layernorm"),
        }
      : { mlpNorm: norm("post_attention_layernorm") }),
    mlp: {
      gate: (gate as Projection).weight,
      up: (up as Projection).weight,
      down: down.weight,
      gateBias: gate?.bias,
      upBias: up?.bias,
      downBias: down.bias,
    },
  };
}

function embeddingRows(reader: WeightReader, config: ModelConfig): EmbeddingRows {
  const { source } = reader;
  const name = "model.embed_tokens.weight";
  reader.expect(name, [config.vocabSize, config.hiddenSize]);
  return {
    read: (ids) => {
      const out = new Float32Array(ids.length * config.hiddenSize);
      for (let i = 0; i < ids.length; i++) {
        const row = out.subarray(i * config.hiddenSize, (i + 1) * config.hiddenSize);
        source.readRowsFloat32(name, ids[i] ?? 0, 1, row);
      }
      return out;
    },
  };
}

/** Reads, checks and uploads tensors one by one, with one scratch buffer. */
class WeightReader {
  private scratch = new Float32Array(0);
  private done = 0;
  private readonly total: number;
  private readonly loaded: { dispose(): void }[] = [];
  private readonly weights: WeightStorage;
  private readonly onProgress: LoadProgress | undefined;
  /** What matrices are turned into, if anything. */
  private readonly storage: StorageType | undefined;

  constructor(
    readonly source: TensorSource,
    options: LoadDecoderWeightsOptions,
  ) {
    this.weights = options.weights ?? "auto";
    this.storage = chosenStorage(this.weights);
    this.onProgress = options.onProgress;
    this.total = source.names().reduce((sum, name) => sum + source.info(name).byteLength, 0);
  }

  vector(name: string, size: number): tf.Tensor1D {
    this.expect(name, [size]);
    return this.keep(name, tf.keep(tf.tensor1d(this.source.readFloat32(name))));
  }

  /** A checkpoint matrix `[out, in]`, packed or as a tensor `[in, out]`. */
  matrix(name: string, out: number, inner: number): LinearWeight {
    this.expect(name, [out, inner]);
    return this.rows(name, 0, out, inner);
  }

  projection(prefix: string, out: number, inner: number, bias: boolean): Projection {
    const weight = this.matrix(`${prefix}.weight`, out, inner);
    return bias ? { weight, bias: this.vector(`${prefix}.bias`, out) } : { weight };
  }

  /** Several projections whose rows lie one after the other in one matrix (Phi-3). */
  fused(prefix: string, outs: readonly number[], inner: number): Projection[] {
    const name = `${prefix}.weight`;
    this.expect(name, [outs.reduce((a, b) => a + b, 0), inner]);
    let start = 0;
    return outs.map((out) => {
      const weight = this.rows(name, start, out, inner);
      start += out;
      return { weight };
    });
  }

  /** Rows `[start, start + out)` of a matrix in the storage that was asked for. */
  private rows(name: string, start: number, out: number, inner: number): LinearWeight {
    const stored = this.weights === "dense" ? undefined : this.storedRows(name, start, out, inner);
    if (stored) return this.keep(name, stored);
    const whole = out === this.source.info(name).shape[0];
    const into = this.buffer(out * inner);
    const values = whole ? this.source.readFloat32(name, into) : this.source.readRowsFloat32(name, start, out, into);
    if (this.storage) return this.keep(name, this.pack(name, this.storage, values, [out, inner]));
    return this.keep(name, tf.keep(tf.tensor2d(transposeMatrix(values, out, inner), [inner, out])));
  }

  /** Rows as the file stores them; undefined when that is not what was asked for, or the backend cannot use it. */
  private storedRows(name: string, start: number, out: number, inner: number): PackedWeight | undefined {
    const { storage } = this.source.info(name);
    const usable = this.storage ? storage === this.storage.name : packedSupport()?.storages.includes(storage);
    const packed = usable ? this.source.packed(name) : undefined;
    if (packed === undefined || inner % packed.format.blockValues !== 0) return undefined;
    const rowBytes = formatByteLength(packed.format, inner);
    return packedWeight(packed.format, [out, inner], packed.bytes.subarray(start * rowBytes, (start + out) * rowBytes));
  }

  private pack(name: string, storage: StorageType, values: Float32Array, shape: [number, number]): PackedWeight {
    if (shape[1] % storage.blockValues === 0) return packedWeight(storage, shape, storage.pack(values));
    throw new KvfoldError(
      "weights-storage",
      `${this.source.path}: ${name} has rows of ${shape[1]} values, and ${storage.name} holds blocks of ` +
        `${storage.blockValues}; load this model with weights f16, bf16 or f32.`,
    );
  }

  expect(name: string, shape: readonly number[]): void {
    const found = this.source.info(name).shape;
    if (found.length === shape.length && found.every((n, i) => n === shape[i])) return;
    throw new KvfoldError(
      "weights-shape",
      `${this.source.path}: tensor ${name} has shape [${found}], but the model's config asks for [${shape}]. The config and the weights are of different models, or the config is wrong.`,
    );
  }

  disposeAll(): void {
    for (const loaded of this.loaded) loaded.dispose();
  }

  private buffer(size: number): Float32Array {
    if (this.scratch.length < size) this.scratch = new Float32Array(size);
    return this.scratch.subarray(0, size);
  }

  private keep<T extends { dispose(): void }>(name: string, tensor: T): T {
    this.loaded.push(tensor);
    this.done += this.source.info(name).byteLength;
    this.onProgress?.(Math.min(this.done, this.total), this.total);
    return tensor;
  }
}
