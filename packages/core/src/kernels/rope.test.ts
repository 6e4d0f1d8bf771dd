import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { ropeCases } from "./rope.cases.js";
import { rope } from "./rope.js";

describeOracle(ropeCases, (inputs) => {
  const { x, cos, sin } = inputs as { x: HostArray; cos: HostArray; sin: HostArray };
  const [batch, heads, tokens, headDim] = x.shape as [number, number, number, number];
  const half = cos.shape.at(-1) as number;
  const ownPositions = cos.values.length === batch * tokens * half && batch > 1;
  const out = x.values.slice();
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < tokens; t++) {
        const start = ((b * heads + h) * tokens + t) * headDim;
        for (let i = 0; i < half; i++) {
          const angle = ((ownPositions ? b : 0) * tokens + t) * half + i;
          const [c, s] = [cos.values[angle] as number, sin.values[angle] as number];
          const [p, q] = [x.values[start + i] as number, x.values[start + half + i] as number];
          out[start + i] = p * c - q * s;
          out[start + half + i] = q * c + p * s;
        }
      }
    }
  }
  return [out];
});

describe("rope", () => {
  it.each([
    ["too many rotary channels", [1, 1, 2, 4], [2, 3]],
    ["another number of positions", [1, 1, 2, 4], [3, 2]],
    ["another number of rows", [3, 1, 2, 4], [2, 2, 2]],
    ["x of rank 3", [1, 2, 4], [2, 2]],
  ])("rejects %s, naming the shapes", (_, x, angles) => {
    tf.tidy(() => {
      const call = () =>
        rope({ x: tf.zeros<tf.Rank>(x) as tf.Tensor4D, cos: tf.zeros(angles), sin: tf.zeros(angles) }, {});
      expect(call).toThrow(`got x [${x}], cos [${angles}]`);
    });
  });
});
