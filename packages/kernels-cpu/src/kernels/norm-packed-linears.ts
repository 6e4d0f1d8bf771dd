import { normPackedLinears as contract, KvfoldError, type NormPackedLinearsAttrs } from "@kvfold/core";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { PackedProductArgs } from "../native-addon.js";
import { nativeKernel } from "../native-kernel.js";
import { checkLinear } from "./check-linear.js";
import { packedLayer } from "./packed-layer.js";

interface Inputs {
  readonly x: TensorInfo;
  readonly norm: TensorInfo;
  readonly bias0?: TensorInfo;
  readonly bias1?: TensorInfo;
  readonly bias2?: TensorInfo;
}

/** The norm and up to three products of it; few rows are coded once, and all outputs are one job of the threads. */
export const normPackedLinears = nativeKernel<Inputs, NormPackedLinearsAttrs>(
  contract.kernelName,
  ({ inputs: { x, norm, ...biases }, attrs: { weights, epsilon, weightOffset }, backend }) => {
    const inputs = norm.shape[0] as number;
    if (weights.some(({ shape }) => shape[1] !== inputs)) {
      const found = weights.map(({ shape }) => `[${shape}]`).join(", ");
      throw new KvfoldError("linear-shape", `Layers after a norm of ${inputs} must have as many inputs; got ${found}.`);
    }
    const all = [biases.bias0, biases.bias1, biases.bias2];
    const rows = weights.map(({ shape }, i) => checkLinear(x, inputs, shape[0], all[i]))[0] ?? 0;
    const normed = backend.scratch(rows * inputs);
    const products = weights.map(({ shape }) => backend.output([...x.shape.slice(0, -1), shape[0]]));
    const layers = weights.flatMap((weight, i): PackedProductArgs => {
      const y = products[i]?.values as Float32Array;
      return [...packedLayer(backend, weight, all[i]), y];
    });
    backend.addon.normLinears(
      backend.floats(x),
      rows,
      inputs,
      backend.floats(norm),
      weightOffset,
      epsilon,
      normed,
      weights.length,
      ...layers,
    );
    backend.release(normed);
    return products.map(({ info }) => info);
  },
);
