import { packedWeight, storageTypes } from "@kvfold/core";
import { Decoder, parseConfig, Random } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";

/** Random numbers that matrices are filled with, over and over. */
const period = 2 ** 20;

/** A decoder of a shape with random bfloat16 matrices; every matrix has memory of its own on the device. */
export function randomLlama(shape) {
  const config = parseConfig(shape);
  const { hiddenSize, intermediateSize, queryHeads, kvHeads, headDim, vocabSize, layers } = config;
  const random = new Random(1);
  const values = Float32Array.from({ length: period }, () => (random.next() - 0.5) * 0.05);
  const largest = hiddenSize * Math.max(intermediateSize, vocabSize, queryHeads * headDim);
  const repeated = new Uint8Array(2 * largest);
  const bytes = new Uint8Array(storageTypes.bf16.pack(values).buffer);
  for (let at = 0; at < repeated.length; at += bytes.length) {
    repeated.set(bytes.subarray(0, Math.min(bytes.length, repeated.length - at)), at);
  }
  const matrix = (out, inner) => packedWeight(storageTypes.bf16, [out, inner], repeated.subarray(0, 2 * out * inner));
  const norm = () => tf.ones([hiddenSize]);
  const layer = () => ({
    inputNorm: norm(),
    q: { weight: matrix(queryHeads * headDim, hiddenSize) },
    k: { weight: matrix(kvHeads * headDim, hiddenSize) },
    v: { weight: matrix(kvHeads * headDim, hiddenSize) },
    o: { weight: matrix(hiddenSize, queryHeads * headDim) },
    mlpNorm: norm(),
    mlp: {
      gate: matrix(intermediateSize, hiddenSize),
      up: matrix(intermediateSize, hiddenSize),
      down: matrix(hiddenSize, intermediateSize),
    },
  });
  const embedding = {
    read: (ids) => {
      const rows = new Float32Array(ids.length * hiddenSize);
      for (let i = 0; i < ids.length; i++) {
        const start = (ids[i] * hiddenSize) % (period - hiddenSize);
        rows.set(values.subarray(start, start + hiddenSize), i * hiddenSize);
      }
      return rows;
    },
  };
  return new Decoder(config, {
    embedding,
    layers: Array.from({ length: layers }, layer),
    finalNorm: norm(),
    head: matrix(vocabSize, hiddenSize),
  });
}
