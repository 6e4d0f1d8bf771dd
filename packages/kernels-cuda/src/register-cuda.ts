import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { CudaBackend } from "./backend/cuda-backend.js";
import { backendName, runInJavaScript } from "./backend/cuda-kernel.js";
import { cudaKernels } from "./cuda-kernels.js";
import { cudaEngine } from "./load-cuda.js";

// Above native (4): the default wherever there is a device.
const priority = 5;

/** JavaScript kernels that read no values of tensors: they give names and shapes, or make new values. */
const copyNothing = ["Identity", "Reshape", "ExpandDims", "Complex", "Real", "Imag", "Range", "LinSpace"];

/** A JavaScript kernel for this backend, with its copies through the host counted. */
function counted(kernel: tf.KernelConfig): tf.KernelConfig {
  const { kernelName } = kernel;
  if (copyNothing.includes(kernelName)) return { ...kernel, backendName };
  return { ...kernel, backendName, kernelFunc: (call) => runInJavaScript(kernelName, call) };
}

/** Registers the backend and its kernels with TensorFlow.js; the device is taken into use when the backend first is. */
export function registerCuda(): void {
  if (tf.findBackendFactory(backendName) !== null) return;
  for (const kernel of cudaKernels) tf.registerKernel({ ...kernel, backendName });
  for (const kernel of tf.getKernelsForBackend("cpu")) {
    if (tf.getKernel(kernel.kernelName, backendName) === undefined) tf.registerKernel(counted(kernel));
  }
  tf.registerBackend(backendName, () => new CudaBackend(cudaEngine()), priority);
}
