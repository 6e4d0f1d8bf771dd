import { crossEntropy as contract, crossEntropyGradient as gradientContract, KvfoldError } from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { nativeKernel } from "../native-kernel.js";

type Inputs = { logits: TensorInfo; labels: TensorInfo; weights?: TensorInfo };

/** Negative log-likelihood of labels; nothing of the size of the logits is made. */
export const crossEntropy = nativeKernel<Inputs, object>(
  contract.kernelName,
  ({ inputs: { logits, labels, weights }, backend }) => {
    const [rows, vocab] = checkCrossEntropy(logits, labels, weights);
    const { info, values } = backend.output([rows]);
    const factors = weights === undefined ? undefined : backend.floats(weights);
    backend.addon.crossEntropy(backend.floats(logits), backend.ints(labels), factors, rows, vocab, values);
    return info;
  },
);

/** @throws KvfoldError `cross-entropy-shape` when the operands do not fit */
function checkCrossEntropy(logits: TensorInfo, labels: TensorInfo, weights: TensorInfo | undefined): [number, number] {
  const [rows, vocab] = logits.shape as [number, number];
  const fits =
    logits.shape.length === 2 &&
    labels.dtype === "int32" &&
    util.arraysEqual(labels.shape, [rows]) &&
    (weights === undefined || util.arraysEqual(weights.shape, [rows]));
  if (!fits) {
    const given = weights === undefined ? "" : `, weights [${weights.shape}]`;
    throw new KvfoldError(
      "cross-entropy-shape",
      `crossEntropy needs logits [rows, vocab], int32 labels [rows] and weights [rows] or none; ` +
        `got logits [${logits.shape}], ${labels.dtype} labels [${labels.shape}]${given}.`,
    );
  }
  return [rows, vocab];
}

/** Its gradient by the logits: softmax minus one-hot, times the weight and dy of the row. */
export const crossEntropyGradient = nativeKernel<Inputs & { dy: TensorInfo }, object>(
  gradientContract.kernelName,
  ({ inputs: { logits, labels, weights, dy }, backend }) => {
    const [rows, vocab] = checkCrossEntropy(logits, labels, weights);
    const { info, values } = backend.output(logits.shape);
    const factors = weights === undefined ? undefined : backend.floats(weights);
    const [x, ids, pulled] = [backend.floats(logits), backend.ints(labels), backend.floats(dy)];
    backend.addon.crossEntropyGradient(x, ids, factors, pulled, rows, vocab, values);
    return info;
  },
);
