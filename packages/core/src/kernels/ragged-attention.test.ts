import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { raggedAttentionCases } from "./ragged-attention.cases.js";
import { type RaggedAttentionAttrs, raggedAttention } from "./ragged-attention.js";

describeOracle<RaggedAttentionAttrs>(raggedAttentionCases, (inputs, attrs) => {
  const { q, keys, values, queryPositions, from, until, ownKeys, ownValues, columnBias } = inputs as Record<
    string,
    HostArray | undefined
  > & { q: HostArray; keys: HostArray; values: HostArray };
  const [rows, queryHeads, tokens, headDim] = q.shape as [number, number, number, number];
  const kvHeads = attrs.laneLengths.length / rows;
  const group = queryHeads / kvHeads;
  const out = new Float64Array(q.values.length);
  const mass = new Float64Array(attrs.laneLengths.reduce((a, b) => a + b, 0));
  const at = (x: HostArray, start: number) => x.values.subarray(start * headDim, (start + 1) * headDim);
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
  let start = 0;
  attrs.laneLengths.forEach((length, lane) => {
    const row = Math.floor(lane / kvHeads);
    for (let g = 0; g < group; g++) {
      for (let t = 0; t < tokens; t++) {
        const query = (row * queryHeads + (lane % kvHeads) * group + g) * tokens + t;
        const position = queryPositions?.values[row * tokens + t] ?? 0;
        const seen: { weight: number; value: Float64Array; entry?: number }[] = [];
        for (let e = start; e < start + length; e++) {
          const hidden = (from && position < (from.values[e] ?? 0)) || (until && position >= (until.values[e] ?? 0));
          if (hidden) continue;
          const score = dot(at(q, query), at(keys, e)) * attrs.scale + (columnBias?.values[e] ?? 0);
          seen.push({ weight: Math.exp(score), value: at(values, e), entry: e });
        }
        if (ownKeys && ownValues) {
          const own = lane * tokens + t;
          const score = dot(at(q, query), at(ownKeys, own)) * attrs.scale;
          seen.push({ weight: Math.exp(score), value: at(ownValues, own) });
        }
        const total = seen.reduce((sum, { weight }) => sum + weight, 0);
        const real = attrs.queryCounts[row] ?? tokens;
        const counts = t < real && t >= real - attrs.massQueries;
        for (const { weight, value, entry } of seen) {
          for (let c = 0; c < headDim; c++) {
            out[query * headDim + c] = (out[query * headDim + c] as number) + (weight / total) * (value[c] as number);
          }
          if (counts && entry !== undefined) mass[entry] = (mass[entry] as number) + weight / total / group;
        }
      }
    }
    start += length;
  });
  return attrs.massQueries > 0 ? [out, mass] : [out];
});

describe("raggedAttention", () => {
  it("gives zeros, not NaN, to a query that sees nothing", () => {
    tf.tidy(() => {
      const [out] = raggedAttention(
        {
          q: tf.ones([1, 1, 1, 2]),
          keys: tf.ones([1, 2]),
          values: tf.ones([1, 2]),
          queryPositions: tf.tensor2d([3], [1, 1], "int32"),
          from: tf.tensor1d([4], "int32"),
        },
        { laneLengths: [1], scale: 1, massQueries: 0, queryCounts: [1] },
      );
      expect([...(out as tf.Tensor).dataSync()]).toEqual([0, 0]);
    });
  });

  it("asks for positions where visibility depends on them", () => {
    tf.tidy(() => {
      const call = () =>
        raggedAttention(
          {
            q: tf.ones([1, 1, 1, 2]),
            keys: tf.ones([1, 2]),
            values: tf.ones([1, 2]),
            until: tf.tensor1d([4], "int32"),
          },
          { laneLengths: [1], scale: 1, massQueries: 0, queryCounts: [1] },
        );
      expect(call).toThrow("queryPositions");
    });
  });
});
