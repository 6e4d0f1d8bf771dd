import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { loadKernels } from "./load-kernels.js";
import { NativeBackend } from "./native-backend.js";
import { nativeKernels } from "./native-kernels.js";

/** Name of the backend in TensorFlow.js. */
const backendName = "native";

// Above wasm and webgl (2) and tfjs-node (3): the default wherever its addon loads.
const priority = 4;

/** Kernels that only give their input another name or shape. */
const moveNothing = ["Identity", "Reshape"];

/** A JavaScript kernel for this backend; a step that calls it is not recorded. */
function copied(kernel: tf.KernelConfig): tf.KernelConfig {
  const { kernelName, kernelFunc } = kernel;
  if (moveNothing.includes(kernelName)) return { ...kernel, backendName };
  return {
    ...kernel,
    backendName,
    kernelFunc: (call) => {
      (call.backend as NativeBackend).recorder.refuse(`it calls ${kernelName}, a kernel in JavaScript`);
      return kernelFunc(call);
    },
  };
}

/** Registers the backend and its kernels with TensorFlow.js; the addon is loaded when the backend is first used. */
export function registerNative(): void {
  if (tf.findBackendFactory(backendName) !== null) return;
  for (const kernel of nativeKernels) tf.registerKernel({ ...kernel, backendName });
  for (const kernel of tf.getKernelsForBackend("cpu")) {
    if (tf.getKernel(kernel.kernelName, backendName) === undefined) tf.registerKernel(copied(kernel));
  }
  tf.registerBackend(
    backendName,
    () => {
      const kernels = loadKernels();
      if (!kernels.available) throw new Error(kernels.reason);
      return new NativeBackend(kernels.addon);
    },
    priority,
  );
}
