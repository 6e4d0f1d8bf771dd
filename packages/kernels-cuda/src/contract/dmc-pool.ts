import {
  dmcPool as contract,
  type DmcPoolAttrs,
  type DmcPoolGradientInputs,
  type DmcPoolInputs,
  dmcPoolGradient as gradientContract,
  KvfoldError,
} from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { cudaKernel } from "../backend/cuda-kernel.js";
import { deviceKernel, deviceKernels, type LaunchShape } from "../engine/device-kernel.js";

const poolKernel = deviceKernel("kvfold_dmc_pool", {
  items: "address",
  alpha: "address",
  omega: "address",
  pooled: "address",
  z: "address",
  tokens: "int",
  width: "int",
  window: "int",
});

const gradientKernels = deviceKernels(["kvfold_dmc_pool_dots", "kvfold_dmc_pool_gradient"], {
  items: "address",
  alpha: "address",
  omega: "address",
  dPooled: "address",
  dZ: "address",
  z: "address",
  dots: "address",
  dItems: "address",
  dAlpha: "address",
  dOmega: "address",
  tokens: "int",
  width: "int",
  window: "int",
});

/** Longest window that the kernels take. */
const longestWindow = 32;

type Inputs = Record<"items" | "alpha" | "omega", tf.TensorInfo>;

/** Undefined for windows that are longer than the kernels take. @throws KvfoldError `dmc-pool-shape` */
function callOf(backend: CudaBackend, { items, alpha, omega }: Inputs, { window }: DmcPoolAttrs) {
  const [rows = 0, kvHeads = 0, tokens = 0, width = 0] = items.shape;
  const perToken = [rows, kvHeads, tokens];
  const fits =
    items.shape.length === 4 &&
    tf.util.arraysEqual(alpha.shape, perToken) &&
    tf.util.arraysEqual(omega.shape, perToken) &&
    Number.isInteger(window) &&
    window >= 1;
  if (!fits) {
    throw new KvfoldError(
      "dmc-pool-shape",
      "dmcPool needs items [rows, kvHeads, tokens, width], alpha and omega [rows, kvHeads, tokens], and a window of whole " +
        `tokens, at least 1; got items [${items.shape}], alpha [${alpha.shape}], omega [${omega.shape}], window ${window}.`,
    );
  }
  const reach = Math.min(window, tokens);
  if (reach > longestWindow || tf.util.sizeFromShape(items.shape) === 0) return undefined;
  const shape: LaunchShape = { grid: [Math.ceil(tokens / 64), rows * kvHeads], block: [128] };
  const addresses = { items: backend.address(items), alpha: backend.address(alpha), omega: backend.address(omega) };
  return { shape, lanes: rows * kvHeads, values: { ...addresses, tokens, width, window: reach } };
}

/** DMC's averages of all tokens; long windows are left to the reference form. */
export const dmcPool = cudaKernel<Inputs, DmcPoolAttrs>(contract.kernelName, ({ inputs, attrs, backend }) => {
  const call = callOf(backend, inputs, attrs);
  if (call === undefined) return contract.reference(inputs as unknown as DmcPoolInputs, attrs);
  const [pooled, z] = [backend.output(inputs.items.shape), backend.output(inputs.alpha.shape)];
  backend.engine.launch(poolKernel, { ...call.values, pooled: pooled.address, z: z.address }, call.shape);
  return [pooled.info, z.info];
});

type GradientInputs = Inputs & Record<"dPooled" | "dZ", tf.TensorInfo>;

/** Its gradient, from coefficients made again. */
export const dmcPoolGradient = cudaKernel<GradientInputs, DmcPoolAttrs>(
  gradientContract.kernelName,
  ({ inputs, attrs, backend }) => {
    const call = callOf(backend, inputs, attrs);
    if (call === undefined) {
      return gradientContract.reference(inputs as unknown as DmcPoolGradientInputs, attrs) as tf.Tensor[];
    }
    const { shape, lanes, values } = call;
    const outputs = [inputs.items, inputs.alpha, inputs.omega].map((x) => backend.output(x.shape));
    const [dItems, dAlpha, dOmega] = outputs.map(({ address }) => address) as [number, number, number];
    const [z, dots] = [values.tokens, values.tokens * values.window].map((n) => backend.scratch(4 * lanes * n));
    const upstream = { dPooled: backend.address(inputs.dPooled), dZ: backend.address(inputs.dZ) };
    const scratch = { z: z?.address ?? 0, dots: dots?.address ?? 0 };
    const all = { ...values, ...upstream, ...scratch, dItems, dAlpha, dOmega };
    backend.engine.launch(gradientKernels.kvfold_dmc_pool_dots, all, shape);
    backend.engine.launch(gradientKernels.kvfold_dmc_pool_gradient, all, shape);
    for (const block of [z, dots]) if (block !== undefined) backend.engine.pool.give(block);
    return outputs.map(({ info }) => info);
  },
);
