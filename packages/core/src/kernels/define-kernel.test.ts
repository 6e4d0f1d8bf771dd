import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defineKernel } from "./define-kernel.js";

type PairInputs = { a: tf.Tensor; b: tf.Tensor; bias?: tf.Tensor | undefined };

/** Sum and scaled product of two tensors: two outputs, two gradients, one optional input. */
const pair = defineKernel<PairInputs, { scale: number }, tf.Tensor[]>({
  name: "KvfoldTestPair",
  differentiable: ["a", "b", "bias"],
  reference: ({ a, b, bias }, { scale }) =>
    tf.tidy(() => [bias ? tf.add(tf.add(a, b), bias) : tf.add(a, b), tf.mul(tf.mul(a, b), scale)]),
});

let fastCalls = 0;

function fastPair({ inputs, attrs }: { inputs: tf.NamedTensorInfoMap; attrs?: tf.NamedAttrMap }): tf.TensorInfo[] {
  fastCalls++;
  return pair.reference(inputs as unknown as PairInputs, attrs as unknown as { scale: number });
}

async function useBackend(name: string): Promise<void> {
  await tf.setBackend(name);
}

beforeAll(async () => {
  await useBackend("cpu");
  const CpuBackend = tf.backend().constructor as new () => tf.KernelBackend;
  tf.registerBackend("fastpair", () => new CpuBackend());
  tf.copyRegisteredKernels("cpu", "fastpair");
  tf.registerKernel({ kernelName: pair.kernelName, backendName: "fastpair", kernelFunc: fastPair });
});

afterAll(() => useBackend("cpu"));

/** d/d(a, b, bias) of sum(out0^2) + sum(out1) by hand, at a = [1, 2], b = [3, 5], bias = [1, 1], scale = 2. */
const expected = [
  [2 * 5 + 2 * 3, 2 * 8 + 2 * 5],
  [2 * 5 + 2 * 1, 2 * 8 + 2 * 2],
  [10, 16],
];

describe("defineKernel", () => {
  for (const backend of ["cpu", "fastpair"]) {
    it(`gives the same value and gradients on ${backend}, and leaves no tensor behind`, async () => {
      await useBackend(backend);
      fastCalls = 0;
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const xs = [tf.tensor1d([1, 2]), tf.tensor1d([3, 5]), tf.tensor1d([1, 1])];
        const loss = (a: tf.Tensor, b: tf.Tensor, bias: tf.Tensor): tf.Scalar => {
          const [sum, product] = pair({ a, b, bias }, { scale: 2 }) as [tf.Tensor, tf.Tensor];
          return tf.add(tf.sum(tf.square(sum)), tf.sum(product)) as tf.Scalar;
        };
        const { value, grads } = tf.valueAndGrads(loss)(xs);
        expect(value.dataSync()[0]).toBe(25 + 64 + 6 + 20);
        expect(grads.map((g) => [...g.dataSync()])).toEqual(expected);
        // One gradient only: the pass must not depend on which inputs are asked for.
        const justB = tf.grad((b) => loss(xs[0] as tf.Tensor, b, xs[2] as tf.Tensor))(xs[1] as tf.Tensor);
        expect([...justB.dataSync()]).toEqual(expected[1]);
        // Two uses on one tape.
        const twice = tf.grad((a) => loss(pair({ a, b: a }, { scale: 1 })[0] as tf.Tensor, xs[1] as tf.Tensor, a));
        // sum = 2a + b + a, product = 2 * 2a * b: 2 * 3 * (3a + b) + 4b
        expect([...twice(xs[0] as tf.Tensor).dataSync()]).toEqual([6 * 6 + 12, 6 * 11 + 20]);
      });
      expect(tf.memory().numTensors).toBe(before);
      expect(fastCalls).toBe(backend === "cpu" ? 0 : 4);
    });
  }
});
