import { crossEntropy as contract, crossEntropyGradient as gradientContract, KvfoldError } from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { cudaKernel } from "../backend/cuda-kernel.js";
import { deviceKernel } from "../engine/device-kernel.js";

const kernel = deviceKernel("kvfold_cross_entropy", {
  logits: "address",
  labels: "address",
  weights: "address",
  loss: "address",
  lse: "address",
  vocab: "int",
});
const gradientKernel = deviceKernel("kvfold_cross_entropy_gradient", {
  logits: "address",
  labels: "address",
  weights: "address",
  dy: "address",
  lse: "address",
  dLogits: "address",
  vocab: "int",
});
const block = [512] as const;

type Inputs = { logits: TensorInfo; labels: TensorInfo; weights?: TensorInfo };

/** Negative log-likelihood of labels; nothing of the size of the logits is made. */
export const crossEntropy = cudaKernel<Inputs, object>(
  contract.kernelName,
  ({ inputs: { logits, labels, weights }, backend }) => {
    const [rows, vocab] = checkCrossEntropy(logits, labels, weights);
    const { info, address } = backend.output([rows]);
    const values = {
      logits: backend.address(logits),
      labels: backend.address(labels),
      weights: weights === undefined ? 0 : backend.address(weights),
      loss: address,
      vocab,
    };
    backend.engine.launch(kernel, values, { grid: [rows], block });
    return info;
  },
);

/** Its gradient by the logits: softmax minus one-hot, times the weight and dy of the row. */
export const crossEntropyGradient = cudaKernel<Inputs & { dy: TensorInfo }, object>(
  gradientContract.kernelName,
  ({ inputs: { logits, labels, weights, dy }, backend }) => {
    const [rows, vocab] = checkCrossEntropy(logits, labels, weights);
    const { info, address } = backend.output(logits.shape);
    const values = {
      logits: backend.address(logits),
      labels: backend.address(labels),
      weights: weights === undefined ? 0 : backend.address(weights),
      dy: backend.address(dy),
      dLogits: address,
      vocab,
    };
    backend.engine.launch(gradientKernel, values, { grid: [rows], block });
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
