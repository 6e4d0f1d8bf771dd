import { KvfoldError, type SafetensorsDtype, type SafetensorsInput, storageTypes } from "@kvfold/core";
import type { TensorSource } from "../weights/tensor-source.js";

/** Values that are read, converted and handed out at a time. */
const PIECE_VALUES = 1 << 20;
/** Everything from here on rounds to infinity in half precision. */
const F16_OVERFLOW = 65520;

/** Weight types that Hugging Face folders use. */
export type FloatDtype = "f32" | "f16" | "bf16";

/**
 * What to write for the weights of `source` in type `dtype`: pieces made when they are asked for. Integer tensors stay as they
 * are; tensors without a Hugging Face name (GGUF's `rope_freqs.weight`, which the config holds) are left out.
 */
export function convertedTensors(source: TensorSource, dtype: FloatDtype) {
  const tensors: Record<string, SafetensorsInput> = {};
  let totalBytes = 0;
  for (const name of source.names()) {
    if (!/^(model|lm_head)\./.test(name)) continue;
    const { shape, storage } = source.info(name);
    const integer = /^(bool|[ui]\d+)$/.test(storage);
    tensors[name] = {
      dtype: (integer ? storage : dtype).toUpperCase() as SafetensorsDtype,
      shape,
      data: integer ? () => [source.readBytes(name)] : () => pieces(source, name, dtype),
    };
    const values = shape.reduce((product, size) => product * size, 1);
    totalBytes += integer ? source.info(name).byteLength : storageTypes[dtype].byteLength(values);
  }
  return { tensors, totalBytes };
}

function* pieces(source: TensorSource, name: string, dtype: FloatDtype): Generator<Uint8Array> {
  const { shape } = source.info(name);
  const [rows = 1, ...inner] = shape;
  const rowValues = inner.reduce((product, size) => product * size, 1);
  const step = Math.max(1, Math.floor(PIECE_VALUES / rowValues));
  const buffer = new Float32Array(Math.min(step, rows) * rowValues);
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const values = buffer.subarray(0, count * rowValues);
    source.readRowsFloat32(name, row, count, values);
    if (dtype === "f16") refuseOverflow(name, values);
    yield storageTypes[dtype].pack(values);
  }
}

/** @throws KvfoldError `storage-not-finite` when a value would become infinity in half precision */
export function refuseOverflow(name: string, values: Float32Array): void {
  for (const value of values) {
    if (Math.abs(value) >= F16_OVERFLOW) {
      throw new KvfoldError("storage-not-finite", `Tensor ${name} holds ${value}, too large for f16; use bf16 or f32.`);
    }
  }
}
