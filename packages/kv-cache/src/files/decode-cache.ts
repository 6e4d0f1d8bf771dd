import { memorySource, openSafetensors, type SafetensorsFile } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { KvCache } from "../kv-cache.js";
import type { CachePolicy } from "../policy.js";
import type { StoreFactory, StoreState } from "../store.js";
import { type CacheHeader, type CacheShape, readHeader, refusal, tensorName } from "./cache-file.js";
import { checksumOf } from "./encode-cache.js";

/** What the loader cannot know from the file, or must agree with it. */
export interface DecodeCacheOptions {
  /** The policy that made the cache; its name must be the one in the file. */
  readonly policy: CachePolicy;
  /** The model that will go on with the cache; must be the one in the file. Default: not checked. */
  readonly shape?: CacheShape;
  /** Storage of closed entries from now on, see {@link KvCache}. Default: as in the cache that was saved. */
  readonly codec?: string;
  /** Makes the stores. Default: those of the current backend. */
  readonly store?: StoreFactory;
}

/**
 * A cache from the bytes of {@link encodeCache}.
 *
 * @throws KvfoldError `cache-file` for another format, version, policy or shape, and for damaged files;
 * `cache-codec` when the backend's store does not have the codec;
 * `safetensors-malformed` when the bytes are no safetensors file
 */
export function decodeCache(bytes: Uint8Array, options: DecodeCacheOptions): KvCache {
  return readCache(openSafetensors(memorySource(bytes, "cache in memory")), options);
}

/** Builds the cache that an open file holds; closes the file. */
export function readCache(file: SafetensorsFile, options: DecodeCacheOptions): KvCache {
  try {
    const header = readHeader(file.path, file.metadata);
    checkAgreement(file.path, header, options);
    checkTensors(file, header);
    return restore(file, header, options);
  } finally {
    file.close();
  }
}

function checkAgreement(path: string, header: CacheHeader, { policy, shape }: DecodeCacheOptions): void {
  if (policy.name !== header.policy) {
    throw refusal(path, `it was made under policy '${header.policy}', and '${policy.name}' is to go on with it`);
  }
  if (shape === undefined) return;
  const name = (["layers", "queryHeads", "kvHeads", "headDim"] as const).find((key) => shape[key] !== header[key]);
  if (name !== undefined) {
    throw refusal(path, `its model has ${name} ${header[name]}, and this one has ${shape[name]}`);
  }
}

/** Everything that can be told before anything is allocated. */
function checkTensors(file: SafetensorsFile, header: CacheHeader): void {
  for (const [layer, lanes] of header.lengths.entries()) {
    const entries = lanes.reduce((a, b) => a + b, 0);
    for (const part of ["keys", "values"]) {
      const name = tensorName(layer, part);
      const { dtype, shape } = file.entry(name);
      if (dtype !== "F32" || shape.length !== 2 || shape[0] !== entries || shape[1] !== header.headDim) {
        throw refusal(file.path, `${name} is ${dtype} [${shape}] in place of F32 [${entries},${header.headDim}]`);
      }
    }
  }
  const checksum = checksumOf([...file.tensors.keys()], (name) => file.readBytes(name));
  if (checksum !== header.checksum) {
    throw refusal(file.path, "its numbers do not match their checksum, so they were damaged; save the cache again");
  }
}

function restore(file: SafetensorsFile, header: CacheHeader, { policy, store, ...given }: DecodeCacheOptions): KvCache {
  const { layers, queryHeads, kvHeads, headDim, tokens } = header;
  const { codec = header.codec } = given;
  const own = store ? { store } : {};
  // no rows yet: state that every row has from the start is allocated only once the file is known to hold it
  const cache = new KvCache({ policy, layers, queryHeads, kvHeads, headDim, codec, rows: 0, ...own });
  const states: StoreState[] = [];
  try {
    const empty = cache.snapshotLayers();
    tf.dispose(empty.flatMap((state) => Object.values(state.tensors)));
    const wanted = empty.map((state) => Object.entries(state.tensors));
    checkNames(
      file,
      wanted.flatMap((tensors, layer) => tensors.map(([name]) => tensorName(layer, name))),
    );
    for (const [layer, tensors] of wanted.entries()) {
      const read: Record<string, tf.Tensor> = {};
      states.push({ tensors: read, lengths: header.lengths[layer] ?? [] });
      for (const [name, model] of tensors) read[name] = readTensor(file, tensorName(layer, name), model);
    }
    cache.restoreLayers(states, tokens);
    return cache;
  } catch (error) {
    cache.dispose();
    throw error;
  } finally {
    tf.dispose(states.flatMap((state) => Object.values(state.tensors)));
  }
}

function checkNames(file: SafetensorsFile, wanted: readonly string[]): void {
  const known = new Set(wanted);
  const extra = [...file.tensors.keys()].find((name) => !known.has(name));
  if (extra !== undefined) {
    throw refusal(file.path, `it has a tensor '${extra}' that this policy and backend do not keep`);
  }
}

/** @param model the same tensor of a cache without rows: its type, and its shape but for the first axis */
function readTensor(file: SafetensorsFile, title: string, model: tf.Tensor): tf.Tensor {
  const { dtype, shape } = file.entry(title);
  const expected = [shape[0] as number, ...model.shape.slice(1)]; // the store knows how long the first axis must be
  const type = model.dtype === "int32" ? "I32" : "F32";
  if (dtype !== type || shape.length !== expected.length || shape.some((size, axis) => size !== expected[axis])) {
    throw refusal(file.path, `${title} is ${dtype} [${shape}] in place of ${type} [${expected}]`);
  }
  return tf.tensor(file.read(title) as Float32Array | Int32Array, [...shape], model.dtype);
}
