import { type ByteSource, floatStorage, openSharded, type SafetensorsFile } from "@kvfold/core";
import type { TensorSource } from "./tensor-source.js";

/**
 * Opens the weights of a Hugging Face folder: `model.safetensors`, or shards with their index.
 *
 * @param open how each file is opened; default: by path, read by range
 * @throws KvfoldError `file-unreadable` when the folder has neither; `safetensors-malformed` when a file is damaged
 */
export function openHfFolder(path: string, open?: (path: string) => ByteSource): TensorSource {
  return safetensorsSource(openSharded(path, open));
}

/** A {@link TensorSource} over an open safetensors file (in browsers: over bytes in memory), which it closes in the end. */
export function safetensorsSource(file: SafetensorsFile): TensorSource {
  return {
    path: file.path,
    names: () => [...file.tensors.keys()],
    has: (name) => file.tensors.has(name),
    info(name) {
      const { shape, dtype, byteLength } = file.entry(name);
      return { shape, storage: dtype.toLowerCase(), byteLength };
    },
    readFloat32: (name, into) => file.readFloat32(name, into),
    readRowsFloat32: (name, start, count, into) => file.readRowsFloat32(name, start, count, into),
    readBytes: (name) => file.readBytes(name),
    packed(name) {
      const format = floatStorage(file.entry(name).dtype);
      return format && { format, bytes: file.viewBytes(name) };
    },
    close: () => file.close(),
    [Symbol.dispose]: () => file.close(),
  };
}
