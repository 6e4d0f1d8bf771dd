import type { GatedMlpWeights, LinearWeight } from "@kvfold/core";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs-core";

/** Rows of an embedding table that stays in its file; read when a token asks for them. */
export interface EmbeddingRows {
  /** Rows of these ids, one after the other, `ids.length * hiddenSize` numbers. */
  read(ids: ArrayLike<number>): Float32Array;
}

/** A linear layer's weight, `[in, out]` or packed `[out, in]`, and its bias. */
export interface Projection {
  readonly weight: LinearWeight;
  readonly bias?: Tensor1D | undefined;
}

/** Weights of one decoder layer. */
export interface DecoderLayerWeights {
  readonly inputNorm: Tensor1D;
  readonly q: Projection;
  readonly k: Projection;
  readonly v: Projection;
  readonly o: Projection;
  /** RMSNorm over the head dimension of q and k (Qwen 3, Gemma 3). */
  readonly qNorm?: Tensor1D | undefined;
  readonly kNorm?: Tensor1D | undefined;
  /** After attention, before its sum with the residual stream (Gemma 3). */
  readonly attentionOutputNorm?: Tensor1D | undefined;
  readonly mlpNorm: Tensor1D;
  readonly mlp: GatedMlpWeights;
  /** After the MLP, before its sum with the residual stream (Gemma 3). */
  readonly mlpOutputNorm?: Tensor1D | undefined;
}

/** All weights of a decoder. */
export interface DecoderWeights {
  /** `[vocab, hidden]` on the device (training), or rows read from the file (inference: the table is not loaded). */
  readonly embedding: Tensor2D | EmbeddingRows;
  readonly layers: readonly DecoderLayerWeights[];
  readonly finalNorm: Tensor1D;
  /** Output projection `[hidden, vocab]`. */
  readonly head: LinearWeight;
}
