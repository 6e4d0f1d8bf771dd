import { dmcPool as contract, type DmcPoolAttrs, dmcPoolGradient as gradientContract, KvfoldError } from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { DmcPoolArgs } from "../native-addon.js";
import type { NativeBackend } from "../native-backend.js";
import { nativeKernel } from "../native-kernel.js";

type Inputs = Record<"items" | "alpha" | "omega", TensorInfo>;
type GradientInputs = Inputs & Record<"dPooled" | "dZ", TensorInfo>;

/** DMC's averages of all tokens: coefficients of a window in registers, a recurrence without one. */
export const dmcPool = nativeKernel<Inputs, DmcPoolAttrs>(contract.kernelName, ({ inputs, attrs, backend }) => {
  const args = argsOf(backend, inputs, attrs);
  const pooled = backend.output(inputs.items.shape);
  const z = backend.output(inputs.alpha.shape);
  backend.addon.dmcPool(...args, pooled.values, z.values);
  return [pooled.info, z.info];
});

/** Its gradient, from coefficients made again. */
export const dmcPoolGradient = nativeKernel<GradientInputs, DmcPoolAttrs>(
  gradientContract.kernelName,
  ({ inputs, attrs, backend }) => {
    const { items, alpha, omega, dPooled, dZ } = inputs;
    const args = argsOf(backend, inputs, attrs);
    const [dItems, dAlpha, dOmega] = [items, alpha, omega].map(({ shape }) => backend.output(shape)) as [Out, Out, Out];
    const upstream = [backend.floats(dPooled), backend.floats(dZ)] as const;
    backend.addon.dmcPoolGradient(...args, ...upstream, dItems.values, dAlpha.values, dOmega.values);
    return [dItems.info, dAlpha.info, dOmega.info];
  },
);

type Out = ReturnType<NativeBackend["output"]>;

/** @throws KvfoldError `dmc-pool-shape` when the operands do not fit */
function argsOf(backend: NativeBackend, { items, alpha, omega }: Inputs, { window }: DmcPoolAttrs): DmcPoolArgs {
  const [rows = 0, kvHeads = 0, tokens = 0, dim = 0] = items.shape;
  const perToken = [rows, kvHeads, tokens];
  const fits =
    items.shape.length === 4 &&
    util.arraysEqual(alpha.shape, perToken) &&
    util.arraysEqual(omega.shape, perToken) &&
    Number.isInteger(window) &&
    window >= 1;
  if (!fits) {
    throw new KvfoldError(
      "dmc-pool-shape",
      "dmcPool needs items [rows, kvHeads, tokens, width], alpha and omega [rows, kvHeads, tokens], and a window of whole " +
        `tokens, at least 1; got items [${items.shape}], alpha [${alpha.shape}], omega [${omega.shape}], window ${window}.`,
    );
  }
  const arrays = [backend.floats(items), backend.floats(alpha), backend.floats(omega)] as const;
  return [...arrays, rows * kvHeads, tokens, dim, Math.min(window, tokens + 1)];
}
