import {
  gatedActivation as contract,
  type GatedActivationAttrs,
  gatedActivationGradient as gradientContract,
} from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { activationPlace } from "../activation-place.js";
import { nativeKernel } from "../native-kernel.js";

type Inputs = { gate: TensorInfo; up: TensorInfo };

/** The middle of a gated MLP in one pass. */
export const gatedActivation = nativeKernel<Inputs, GatedActivationAttrs>(
  contract.kernelName,
  ({ inputs: { gate, up }, attrs: { activation }, backend }) => {
    const place = checked(gate, up, activation);
    const { info, values } = backend.output(gate.shape);
    backend.addon.gatedActivation(place, backend.floats(gate), backend.floats(up), values);
    return info;
  },
);

/** Its gradients by both inputs in one pass. */
export const gatedActivationGradient = nativeKernel<Inputs & { dy: TensorInfo }, GatedActivationAttrs>(
  gradientContract.kernelName,
  ({ inputs: { gate, up, dy }, attrs: { activation }, backend }) => {
    const place = checked(gate, up, activation);
    const [byGate, byUp] = [backend.output(gate.shape), backend.output(gate.shape)];
    const given = [gate, up, dy].map((x) => backend.floats(x)) as [Float32Array, Float32Array, Float32Array];
    backend.addon.gatedActivationGradient(place, ...given, byGate.values, byUp.values);
    return [byGate.info, byUp.info];
  },
);

function checked(gate: TensorInfo, up: TensorInfo, activation: GatedActivationAttrs["activation"]): number {
  util.assertShapesMatch(gate.shape, up.shape, "gate and up of a gated MLP differ in shape: ");
  return activationPlace(activation);
}
