import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "./cuda-backend.js";
import { countFallback } from "./fallbacks.js";
import type { DeviceDtype } from "./tensor-data.js";

/** Name of the backend in TensorFlow.js. */
export const backendName = "cuda";

/** TensorFlow.js's types of kernel inputs say that each may be absent; those of its own kernels never are. */
export type Present<Inputs> = { readonly [Name in keyof Inputs]-?: tf.TensorInfo };

/** Inputs, attributes and backend of one kernel call. */
export interface KernelCall<Inputs, Attrs> {
  readonly inputs: Inputs;
  readonly attrs: Attrs;
  readonly backend: CudaBackend;
  /** The JavaScript kernel of the same name, for cases that the one on the device leaves to it; counted. */
  readonly fallback: () => tf.TensorInfo | tf.TensorInfo[];
}

/** One kernel of the backend: what it is called in TensorFlow.js's registry, and what it does. */
export interface CudaKernel {
  readonly kernelName: string;
  readonly kernelFunc: tf.KernelFunc;
}

/**
 * Defines a kernel of the backend. `run` finds tensors with `backend.address`, makes its results with `backend.output`, and
 * launches kernels with `backend.engine.launch`; for types and shapes that it does not cover it returns `fallback()`.
 */
export function cudaKernel<Inputs extends object, Attrs extends object>(
  kernelName: string,
  run: (call: KernelCall<Inputs, Attrs>) => tf.TensorInfo | tf.TensorInfo[],
): CudaKernel {
  const kernelFunc: tf.KernelFunc = (call) =>
    run({
      inputs: call.inputs as unknown as Inputs,
      attrs: (call.attrs ?? {}) as unknown as Attrs,
      backend: call.backend as CudaBackend,
      fallback: () => runInJavaScript(kernelName, call),
    });
  return { kernelName, kernelFunc };
}

/** Runs the JavaScript CPU backend's kernel on this backend's tensors. */
export function runInJavaScript(
  kernelName: string,
  call: Parameters<tf.KernelFunc>[0],
): tf.TensorInfo | tf.TensorInfo[] {
  const kernel = tf.getKernel(kernelName, "cpu");
  if (kernel === undefined) throw new Error(`the cpu backend has no kernel ${kernelName}`);
  countFallback(kernelName);
  (call.backend as CudaBackend).recorder.refuse(`it calls ${kernelName}, a kernel in JavaScript`);
  return kernel.kernelFunc(call);
}

/** Runs another kernel of this backend; for kernels that are made of others. */
export function runKernel(
  backend: CudaBackend,
  kernelName: string,
  inputs: Readonly<Record<string, tf.TensorInfo>>,
  attrs: object,
): tf.TensorInfo {
  const kernel = tf.getKernel(kernelName, backendName);
  if (kernel === undefined) throw new Error(`the backend has no kernel ${kernelName}`);
  return kernel.kernelFunc({ inputs, attrs: attrs as unknown as tf.NamedAttrMap, backend }) as tf.TensorInfo;
}

/** True for the types that lie on the device: all but strings and complex numbers. */
export function onDevice<Info extends Pick<tf.TensorInfo, "dtype">>(info: Info): info is Info & { dtype: DeviceDtype } {
  return info.dtype === "float32" || info.dtype === "int32" || info.dtype === "bool";
}
