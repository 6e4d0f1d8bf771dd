import type { CastAttrs, CastInputs, TensorInfo } from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../native-backend.js";
import { nativeKernel, type Present } from "../native-kernel.js";
import { plan, planRow } from "../walk.js";

/** Conversions between float32, int32 and bool. */
export const cast = nativeKernel<Present<CastInputs>, CastAttrs>(
  "Cast",
  ({ inputs: { x }, attrs: { dtype }, backend, fallback }) => {
    if (x.dtype === dtype) return backend.reshaped(x, x.shape);
    if (dtype === "float32") return toFloats(x, backend) ?? fallback();
    if (dtype === "int32") return toInts(x, backend) ?? fallback();
    if (dtype === "bool") return toBools(x, backend) ?? fallback();
    return fallback();
  },
);

function toFloats(x: TensorInfo, backend: NativeBackend): TensorInfo | undefined {
  if (x.dtype !== "int32" && x.dtype !== "bool") return undefined;
  const { info, values } = backend.output(x.shape);
  if (x.dtype === "int32") backend.addon.intsToFloats(backend.ints(x), values);
  else backend.addon.bytesToFloats(backend.bytes(x), values);
  return info;
}

function toInts(x: TensorInfo, backend: NativeBackend): TensorInfo | undefined {
  if (x.dtype !== "float32" && x.dtype !== "bool") return undefined;
  const { info, values } = backend.outputInts(x.shape);
  if (x.dtype === "float32") backend.addon.floatsToInts(backend.floats(x), values);
  else backend.addon.bytesToInts(backend.bytes(x), values);
  return info;
}

/** Place of "not equal" among the comparisons. */
const notEqual = 1;
const zeroFloat = new Float32Array(1);
const zeroInt = new Int32Array(1);

function toBools(x: TensorInfo, backend: NativeBackend): TensorInfo | undefined {
  if (x.dtype !== "float32" && x.dtype !== "int32") return undefined;
  const { info, values } = backend.outputBytes(x.shape);
  const rank = planRow(values.length, 1, 0);
  if (x.dtype === "float32") backend.addon.compare(notEqual, backend.floats(x), zeroFloat, values, plan, rank);
  else backend.addon.compareInts(notEqual, backend.ints(x), zeroInt, values, plan, rank);
  return info;
}
