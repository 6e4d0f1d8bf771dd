import { encodeSafetensors, type SafetensorsInput } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { KvCache } from "../kv-cache.js";
import { tensorName, writeHeader } from "./cache-file.js";
import { crc32 } from "./crc32.js";

/**
 * A cache as the bytes of one file: safetensors, with the policy's name, the shape, tokens and lane lengths as metadata.
 * Entries, columns and running averages are stored as they are, so the loaded cache goes on exactly. Checkpoints are not
 * part of it.
 */
export async function encodeCache(cache: KvCache): Promise<Uint8Array<ArrayBuffer>> {
  const { policy, layers, queryHeads, kvHeads, headDim, codec } = cache.options;
  const tokens = cache.tokens;
  const states = cache.snapshotLayers();
  const tensors: Record<string, SafetensorsInput> = {};
  try {
    for (const [layer, state] of states.entries()) {
      for (const [name, tensor] of Object.entries(state.tensors)) {
        const dtype = tensor.dtype === "int32" ? "I32" : "F32";
        tensors[tensorName(layer, name)] = { dtype, shape: tensor.shape, data: (await tensor.data()) as Float32Array };
      }
    }
  } finally {
    tf.dispose(states.flatMap((state) => Object.values(state.tensors)));
  }
  const lengths = states.map((state) => state.lengths);
  const checksum = checksumOf(Object.keys(tensors), (name) => bytesOf(tensors[name]?.data as Float32Array));
  const header = { layers, queryHeads, kvHeads, headDim, policy: policy.name, codec, tokens, lengths, checksum };
  return encodeSafetensors(tensors, writeHeader(header));
}

/** CRC-32 over tensors in the order of their names, so that it does not depend on the file's layout. */
export function checksumOf(names: readonly string[], read: (name: string) => Uint8Array): number {
  return crc32([...names].sort().map(read));
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
