import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { expectClose } from "../testing/expect-close.js";
import { columnAttentionCases } from "./column-attention.cases.js";
import { type ColumnAttentionAttrs, type ColumnAttentionInputs, columnAttention } from "./column-attention.js";
import { columnAttentionGradient } from "./column-attention-gradient.js";

describeOracle<ColumnAttentionAttrs>(columnAttentionCases, (inputs, { scale, window = Infinity, biasDelay = 0 }) => {
  const { q, k, v } = inputs as Record<"q" | "k" | "v", HostArray>;
  const [rows, queryHeads, tokens, headDim] = q.shape as [number, number, number, number];
  const kvHeads = k.shape[1] as number;
  const at = (x: HostArray, token: number) => x.values.subarray(token * headDim, (token + 1) * headDim);
  const out = new Float64Array(q.values.length);
  const lse = new Float64Array(rows * queryHeads * tokens);
  for (let query = 0; query < lse.length; query++) {
    const i = query % tokens;
    const row = Math.floor(query / tokens / queryHeads);
    const lane = Math.floor((query / tokens) * (kvHeads / queryHeads) + 1e-9);
    const start = inputs.starts?.values[row * tokens + i] ?? 0;
    const seen: { weight: number; value: Float64Array }[] = [];
    for (let j = start; j <= i; j++) {
      if (i - j >= window) continue;
      const key = lane * tokens + j;
      const product = at(k, key).reduce((sum, x, c) => sum + x * (at(q, query)[c] as number), 0);
      const bias = i - j > biasDelay ? (inputs.columnBias?.values[key] ?? 0) : 0;
      seen.push({ weight: Math.exp(product * scale + bias), value: at(v, key) });
    }
    const total = seen.reduce((sum, { weight }) => sum + weight, 0);
    lse[query] = Math.log(total);
    for (const { weight, value } of seen) {
      for (const [c, x] of value.entries()) {
        out[query * headDim + c] = (out[query * headDim + c] as number) + (weight / total) * x;
      }
    }
  }
  return [out, lse];
});

describe("columnAttentionGradient", () => {
  for (const example of columnAttentionCases.cases) {
    it(`equals the reference form's own gradient: ${example.title}`, async () => {
      await tf.setBackend("cpu");
      tf.tidy(() => {
        const inputs = example.makeInputs();
        const names = columnAttentionCases.differentiable.filter((name) => inputs[name] !== undefined);
        const [out, lse] = example.reference(inputs) as [tf.Tensor4D, tf.Tensor3D];
        const [dOut, dLse] = [tf.cos(tf.mul(out, 9)) as tf.Tensor4D, tf.sin(lse) as tf.Tensor3D];
        const loss = (...xs: tf.Tensor[]) => {
          const varied = { ...inputs, ...Object.fromEntries(names.map((name, i) => [name, xs[i] as tf.Tensor])) };
          const [a, b] = example.reference(varied) as [tf.Tensor, tf.Tensor];
          return tf.add(tf.sum(tf.mul(a, dOut)), tf.sum(tf.mul(b, dLse)));
        };
        const expected = tf.grads(loss)(names.map((name) => inputs[name] as tf.Tensor));
        const given = { ...(inputs as unknown as ColumnAttentionInputs), out, lse, dOut, dLse };
        const actual = columnAttentionGradient.reference(given, example.attrs as ColumnAttentionAttrs);
        expect(actual.length).toBe(expected.length);
        actual.forEach((gradient, i) => {
          expectClose(gradient.dataSync(), (expected[i] as tf.Tensor).dataSync(), 1e-5);
        });
      });
    });
  }
});

it("a bias of -Infinity hides a key from later queries and takes no gradient", async () => {
  await tf.setBackend("cpu");
  tf.tidy(() => {
    const x = tf.ones([1, 1, 2, 2]) as tf.Tensor4D;
    const values = tf.tensor4d([1, 2, 3, 4], [1, 1, 2, 2]);
    const attend = (columnBias: tf.Tensor) =>
      columnAttention({ q: x, k: x, v: values, columnBias: columnBias as tf.Tensor3D }, { scale: 1 })[0] as tf.Tensor;
    const columnBias = tf.tensor3d([Number.NEGATIVE_INFINITY, 0], [1, 1, 2]);
    expect([...attend(columnBias).dataSync()]).toEqual([1, 2, 3, 4]);
    expect([
      ...tf
        .grad((bias) => tf.sum(attend(bias)))(columnBias)
        .dataSync(),
    ]).toEqual([0, 0]);
  });
});
