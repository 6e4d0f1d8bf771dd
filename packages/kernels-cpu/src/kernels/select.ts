import { type SelectInputs, util } from "@tensorflow/tfjs-core";
import { nativeKernel, type Present } from "../native-kernel.js";

/** Elements of `t` where the condition holds, else of `e`; all of one shape, as `tf.where` makes them. */
export const select = nativeKernel<Present<SelectInputs>, object>(
  "Select",
  ({ inputs: { condition, t, e }, backend, fallback }) => {
    const covered =
      condition.dtype === "bool" &&
      t.dtype === e.dtype &&
      (t.dtype === "float32" || t.dtype === "int32") &&
      util.arraysEqual(condition.shape, t.shape) &&
      util.arraysEqual(t.shape, e.shape);
    if (!covered) return fallback();
    const { info, values } = backend.outputOf(t.dtype, t.shape);
    backend.addon.select(backend.bytes(condition), backend.elements(t), backend.elements(e), values);
    return info;
  },
);
