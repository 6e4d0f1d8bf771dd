import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import { afterAll, describe, expect, it } from "vitest";
import { expectClose } from "./expect-close.js";
import { gradientInputs, type KernelSuite, type RunnableCase } from "./kernel-suite.js";
import { seeded } from "./seeded.js";

/** A tensor as plain numbers. */
export interface HostArray {
  readonly values: Float64Array;
  readonly shape: readonly number[];
}

/** A kernel in plain loops and double precision: from inputs and attributes to the values of each output. */
export type Oracle<A> = (inputs: Record<string, HostArray>, attrs: A) => ArrayLike<number>[];

/** Elements of each input whose derivative is compared; spread evenly over it. */
const probes = 24;

/**
 * Tests the reference form of a kernel on cpu and wasm against an oracle that shares no code with it: outputs, and
 * gradients against central differences of the oracle.
 */
export function describeOracle<A extends object>(suite: KernelSuite, oracle: Oracle<A>): void {
  describe.each(["cpu", "wasm"])(`${suite.kernelName} against plain loops on %s`, (backend) => {
    afterAll(async () => {
      await tf.setBackend("cpu");
    });
    for (const example of suite.cases) {
      it(example.title, async () => {
        await tf.setBackend(backend);
        const inputs = example.makeInputs();
        const host = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, toHost(tensor)]));
        const expected = oracle(host, example.attrs as A);
        const actual = example.reference(inputs);
        expect(actual.length).toBe(expected.length);
        actual.forEach((tensor, i) => {
          expectClose(tensor.dataSync(), expected[i] as ArrayLike<number>, example.tolerance);
        });
        const upstream = expected.map((values, i) => seeded(7 + i).normals(values.length));
        const loss = (varied: Record<string, HostArray>) => dot(oracle(varied, example.attrs as A), upstream);
        for (const name of gradientInputs(suite, inputs)) {
          const gradient = gradientOf(example, inputs, name, upstream);
          const at = spread(gradient.length);
          const numeric = at.map((index) => centralDifference(loss, host, name, index));
          expectClose(
            at.map((index) => gradient[index] as number),
            numeric,
            example.tolerance,
          );
        }
        tf.dispose([...actual, ...Object.values(inputs)]);
      });
    }
  });
}

function toHost(tensor: tf.Tensor): HostArray {
  return { values: Float64Array.from(tensor.dataSync()), shape: tensor.shape };
}

function gradientOf(
  example: RunnableCase,
  inputs: Record<string, tf.Tensor>,
  name: string,
  upstream: Float32Array[],
): Float32Array {
  const gradient = tf.grad((x) => {
    const terms = example
      .reference({ ...inputs, [name]: x })
      .map((tensor, i) => tf.sum(tf.mul(tensor, tf.tensor(upstream[i] as Float32Array, tensor.shape))));
    return terms.reduce((a, b) => tf.add(a, b));
  })(inputs[name] as tf.Tensor);
  const values = gradient.dataSync<"float32">().slice();
  gradient.dispose();
  return values;
}

function spread(length: number): number[] {
  const count = Math.min(length, probes);
  return Array.from({ length: count }, (_, i) => Math.floor((i * length) / count));
}

function centralDifference(
  loss: (inputs: Record<string, HostArray>) => number,
  host: Record<string, HostArray>,
  name: string,
  index: number,
): number {
  const { values, shape } = host[name] as HostArray;
  const step = 1e-4 * Math.max(1, Math.abs(values[index] as number));
  const moved = (by: number) => {
    const copy = values.slice();
    copy[index] = (copy[index] as number) + by;
    return loss({ ...host, [name]: { values: copy, shape } });
  };
  return (moved(step) - moved(-step)) / (2 * step);
}

function dot(outputs: ArrayLike<number>[], upstream: Float32Array[]): number {
  let sum = 0;
  outputs.forEach((values, i) => {
    for (let j = 0; j < values.length; j++) sum += (values[j] as number) * (upstream[i]?.[j] as number);
  });
  return sum;
}
