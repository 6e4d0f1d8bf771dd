import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { crossEntropyCases } from "./cross-entropy.cases.js";
import { crossEntropy } from "./cross-entropy.js";

describeOracle(crossEntropyCases, (inputs) => {
  const { logits, labels } = inputs as { logits: HostArray; labels: HostArray };
  const vocab = logits.shape[1] as number;
  const losses = labels.values.map((label, row) => {
    if (label < 0) return 0;
    const scores = logits.values.subarray(row * vocab, (row + 1) * vocab);
    const peak = Math.max(...scores);
    const logSum = peak + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - peak), 0));
    return (logSum - (scores[label] as number)) * (inputs.weights?.values[row] ?? 1);
  });
  return [losses];
});

describe("crossEntropy", () => {
  it("is the logarithm of the vocabulary for equal logits", () => {
    tf.tidy(() => {
      const loss = crossEntropy({ logits: tf.fill([1, 49152], 3), labels: tf.tensor1d([7], "int32") }, {});
      expect(loss.dataSync()[0]).toBeCloseTo(Math.log(49152), 4);
    });
  });

  it("names shapes that do not fit", () => {
    tf.tidy(() => {
      const logits = tf.zeros([2, 3]) as tf.Tensor2D;
      const call = (labels: tf.Tensor1D) => () => crossEntropy({ logits, labels }, {});
      expect(call(tf.tensor1d([1, 2, 0], "int32"))).toThrow("got logits [2,3], int32 labels [3]");
      expect(call(tf.tensor1d([1, 2]))).toThrow("float32 labels");
    });
  });
});
