import { type Activation, packedGatedMlp as contract, type PackedGatedMlpAttrs } from "@kvfold/core";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { cudaKernel } from "../backend/cuda-kernel.js";
import { deviceKernel } from "../engine/device-kernel.js";
import { multiplyPacked } from "../matrix/packed-product.js";
import { checkLinear } from "./linear.js";
import { checkRmsNorm, normalize } from "./rms-norm.js";

const gatedActivation = deviceKernel("kvfold_gated_activation", {
  gate: "address",
  up: "address",
  out: "address",
  outBf16: "address",
  stride: "long",
  rows: "long",
  hidden: "int",
  activation: "int",
});

/** In the order of `Activation` in native/kernels/args/activation.h. */
const activations: readonly Activation[] = ["silu", "gelu-tanh", "gelu"];

type Inputs = { x: TensorInfo } & Record<"gateBias" | "upBias" | "downBias" | "norm", TensorInfo | undefined>;

/** A whole MLP block on packed weights. */
export const packedGatedMlp = cudaKernel<Inputs, PackedGatedMlpAttrs>(
  contract.kernelName,
  ({ inputs: { x, gateBias, upBias, downBias, norm }, attrs, backend }) => {
    const { gate, up, down, activation, preNorm } = attrs;
    const { engine } = backend;
    const [hidden, dim] = gate.shape;
    const rows = checkLinear(x, dim, hidden, gateBias);
    checkLinear(x, up.shape[1], up.shape[0], upBias);
    checkLinear({ ...x, shape: [...x.shape.slice(0, -1), hidden] }, down.shape[1], down.shape[0], downBias);
    const withNorm = norm !== undefined && preNorm !== undefined;
    const input = backend.address(x);
    const normed = withNorm ? backend.scratch(4 * rows * dim) : undefined;
    if (withNorm && normed !== undefined) {
      checkRmsNorm(x, norm);
      normalize(backend, { x: input, weight: backend.address(norm), y: normed.address, rows, dim }, preNorm);
    }
    const from = normed?.address ?? input;
    const [gated, lifted] = [backend.scratch(4 * rows * hidden), backend.scratch(4 * rows * hidden)];
    const addressOf = (bias: TensorInfo | undefined) => bias && backend.address(bias);
    multiplyPacked(backend, { x: from, rows, weight: gate, y: gated.address, bias: addressOf(gateBias) });
    multiplyPacked(backend, { x: from, rows, weight: up, y: lifted.address, bias: addressOf(upBias) });
    const place = activations.indexOf(activation);
    const middle = { gate: gated.address, up: lifted.address, out: gated.address, stride: hidden, rows, hidden };
    const shape = { grid: [Math.ceil((rows * hidden) / 1024)], block: [256] } as const;
    engine.launch(gatedActivation, { ...middle, activation: place }, shape);
    const { info, address } = backend.output([...x.shape.slice(0, -1), down.shape[0]]);
    const residual = withNorm ? input : undefined;
    const last = { x: gated.address, rows, weight: down, y: address, bias: addressOf(downBias), residual };
    multiplyPacked(backend, last);
    for (const block of [gated, lifted, ...(normed ? [normed] : [])]) engine.pool.give(block);
    return info;
  },
);
