import { type SelectInputs, util } from "@tensorflow/tfjs-core";
import { cudaKernel, onDevice, type Present } from "../backend/cuda-kernel.js";
import { elementBytes } from "../backend/tensor-data.js";
import { deviceKernel } from "../engine/device-kernel.js";

const kernel = deviceKernel("kvfold_select", {
  condition: "address",
  t: "address",
  e: "address",
  out: "address",
  n: "count",
  run: "count",
  elementBytes: "int",
  unused: "int",
});

/** Elements of `t` where the condition holds, else of `e`; a condition of one dimension chooses whole rows. */
export const select = cudaKernel<Present<SelectInputs>, object>(
  "Select",
  ({ inputs: { condition, t, e }, backend, fallback }) => {
    if (condition.dtype !== "bool" || t.dtype !== e.dtype || !onDevice(t) || !util.arraysEqual(t.shape, e.shape)) {
      return fallback();
    }
    const { info, address, length } = backend.output(t.shape, t.dtype);
    if (length === 0) return info;
    const values = {
      condition: backend.address(condition),
      t: backend.address(t),
      e: backend.address(e),
      out: address,
      n: length,
      run: length / util.sizeFromShape(condition.shape),
      elementBytes: elementBytes(t.dtype),
    };
    backend.engine.launch(kernel, values, backend.engine.loopOver(length));
    return info;
  },
);
