import type { CastAttrs, CastInputs } from "@tensorflow/tfjs-core";
import { cudaKernel, onDevice, type Present } from "../backend/cuda-kernel.js";
import type { DeviceDtype } from "../backend/tensor-data.js";
import { deviceKernel } from "../engine/device-kernel.js";

const kernel = deviceKernel("kvfold_cast", { x: "address", out: "address", n: "count", from: "int", to: "int" });

/** As `CastArgs` numbers them. */
const types: readonly DeviceDtype[] = ["float32", "int32", "bool"];

/** Conversions between float32, int32 and bool. */
export const cast = cudaKernel<Present<CastInputs>, CastAttrs>(
  "Cast",
  ({ inputs: { x }, attrs: { dtype }, backend, fallback }) => {
    if (x.dtype === dtype) return backend.reshaped(x, x.shape);
    if (!onDevice(x) || !onDevice({ dtype })) return fallback();
    const { info, address, length } = backend.output(x.shape, dtype as DeviceDtype);
    const [from, to] = [types.indexOf(x.dtype), types.indexOf(dtype as DeviceDtype)];
    const values = { x: backend.address(x), out: address, n: length, from, to };
    backend.engine.launch(kernel, values, backend.engine.loopOver(length));
    return info;
  },
);
