import * as tf from "@tensorflow/tfjs-core";
import type { NativeBackend } from "./native-backend.js";

/** TensorFlow.js's types of kernel inputs say that each may be absent; those of its own kernels never are. */
export type Present<Inputs> = { readonly [Name in keyof Inputs]-?: tf.TensorInfo };

/** Inputs, attributes and backend of one kernel call. */
export interface KernelCall<Inputs, Attrs> {
  readonly inputs: Inputs;
  readonly attrs: Attrs;
  readonly backend: NativeBackend;
  /** The JavaScript kernel of the same name, for cases that the native one leaves to it. */
  readonly fallback: () => tf.TensorInfo | tf.TensorInfo[];
}

/** One native kernel: what it is called in TensorFlow.js's registry, and what it does. */
export interface NativeKernel {
  readonly kernelName: string;
  readonly kernelFunc: tf.KernelFunc;
}

/**
 * Defines a native kernel. `run` takes the tensors' memory with `backend.floats`, makes its results with
 * `backend.output`, and calls one entry point of `backend.addon`; for types and shapes that it does not cover it returns
 * `fallback()`.
 */
export function nativeKernel<Inputs extends object, Attrs extends object>(
  kernelName: string,
  run: (call: KernelCall<Inputs, Attrs>) => tf.TensorInfo | tf.TensorInfo[],
): NativeKernel {
  const kernelFunc: tf.KernelFunc = (call) =>
    run({
      inputs: call.inputs as unknown as Inputs,
      attrs: (call.attrs ?? {}) as unknown as Attrs,
      backend: call.backend as NativeBackend,
      fallback: () => {
        (call.backend as NativeBackend).recorder.refuse(`it calls ${kernelName} in JavaScript`);
        const kernel = tf.getKernel(kernelName, "cpu");
        if (kernel === undefined) throw new Error(`the cpu backend has no kernel ${kernelName}`);
        return kernel.kernelFunc(call);
      },
    });
  return { kernelName, kernelFunc };
}

/** True for the types whose elements the addon can move: all but strings and complex numbers. */
export function isMovable({ dtype }: Pick<tf.TensorInfo, "dtype">): boolean {
  return dtype === "float32" || dtype === "int32" || dtype === "bool";
}
