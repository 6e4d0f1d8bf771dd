import { packedGatedMlp as contract, KvfoldError, type PackedGatedMlpAttrs } from "@kvfold/core";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { activationPlace } from "../activation-place.js";
import { nativeKernel } from "../native-kernel.js";
import { checkLinear } from "./check-linear.js";
import { packedLayer } from "./packed-layer.js";

interface Inputs {
  readonly x: TensorInfo;
  readonly gateBias?: TensorInfo;
  readonly upBias?: TensorInfo;
  readonly downBias?: TensorInfo;
  readonly norm?: TensorInfo;
}

/** The gated MLP, with its norm and the residual stream where they are given; the hidden numbers never leave the addon. */
export const packedGatedMlp = nativeKernel<Inputs, PackedGatedMlpAttrs>(
  contract.kernelName,
  ({ inputs: { x, gateBias, upBias, downBias, norm }, attrs, backend }) => {
    const { gate, up, down, activation, preNorm } = attrs;
    const [hidden, dim] = gate.shape;
    const rows = checkLinear(x, dim, hidden, gateBias);
    checkLinear(x, up.shape[1], hidden, upBias);
    if (up.shape[0] !== hidden || down.shape[0] !== dim || down.shape[1] !== hidden) {
      const shapes = `gate [${gate.shape}], up [${up.shape}] and down [${down.shape}]`;
      throw new KvfoldError(
        "linear-shape",
        `A gated MLP needs gate and up [hidden, dim] and down [dim, hidden]; got ${shapes}.`,
      );
    }
    const { info, values } = backend.output(x.shape);
    backend.addon.gatedMlp(
      backend.floats(x),
      rows,
      dim,
      norm && preNorm ? backend.floats(norm) : undefined,
      preNorm?.weightOffset ?? 0,
      preNorm?.epsilon ?? 0,
      activationPlace(activation),
      ...packedLayer(backend, gate, gateBias),
      ...packedLayer(backend, up, upBias),
      ...packedLayer(backend, down, downBias),
      values,
    );
    return info;
  },
);
