import { type SoftmaxAttrs, type SoftmaxInputs, util } from "@tensorflow/tfjs-core";
import { nativeKernel, type Present } from "../native-kernel.js";

/** Softmax over the last axis; the others are left to the JavaScript kernel, which refuses them. */
export const softmax = nativeKernel<Present<SoftmaxInputs>, SoftmaxAttrs>(
  "Softmax",
  ({ inputs: { logits }, attrs: { dim }, backend, fallback }) => {
    const last = logits.shape.length - 1;
    if (logits.dtype !== "float32" || last < 0 || (dim !== -1 && dim !== last)) return fallback();
    const { info, values } = backend.output(logits.shape);
    const n = logits.shape[last] as number;
    const rows = util.sizeFromShape(logits.shape.slice(0, last));
    if (values.length > 0) backend.addon.softmax(backend.floats(logits), rows, n, values);
    return info;
  },
);
