import { missingTensor } from "@kvfold/core";
import type { TensorSource } from "@kvfold/models";
import type { Parameters } from "./parameters.js";

/**
 * Weights in training as a source of tensors, for whatever reads a model: the decoder, or the writer of a folder. What was
 * read by rows stays in memory, as it was at the first read.
 */
export function parametersSource(parameters: Parameters, path: string): TensorSource {
  const names = parameters.names;
  const known = new Set(names);
  const tensor = (name: string) => {
    if (!known.has(name)) throw missingTensor(path, name, names);
    return parameters.get(name);
  };
  const values = (name: string) => tensor(name).dataSync<"float32">();
  const inRows = new Map<string, Float32Array>();
  const rowValues = (name: string) => {
    const kept = inRows.get(name) ?? values(name); // copies the whole tensor
    inRows.set(name, kept);
    return kept;
  };
  const into = (from: Float32Array, to: Float32Array | undefined) => {
    if (to === undefined) return from.slice();
    to.set(from);
    return to;
  };
  return {
    path,
    names: () => names,
    has: (name) => known.has(name),
    info: (name) => ({ shape: tensor(name).shape, storage: "f32", byteLength: tensor(name).size * 4 }),
    readFloat32: (name, to) => into(values(name), to),
    readRowsFloat32: (name, start, count, to) => {
      const width = tensor(name).size / (tensor(name).shape[0] as number);
      return into(rowValues(name).subarray(start * width, (start + count) * width), to);
    },
    readBytes: (name) => new Uint8Array(values(name).slice().buffer),
    packed: () => undefined,
    close: () => inRows.clear(),
    [Symbol.dispose]: () => inRows.clear(),
  };
}
