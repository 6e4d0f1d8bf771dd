import { sharedRegistry } from "@kvfold/core";
import type { LayerStore, OwnStoreFactory, StepRecorder, StoreOptions } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import { backendName } from "../backend/cuda-kernel.js";
import { CudaStore } from "./cuda-store.js";
import { usedStateBytes } from "./lane-states.js";
import { usedPageBytes } from "./page-memory.js";

/** Largest heads that the kernels of the store take. */
const largestHead = 256;

/**
 * Makes {@link CudaStore} the store of caches on the backend `cuda`; for very large heads the reference store stays. This
 * package may import core only, so it writes to the registry that `@kvfold/kv-cache` reads.
 */
export function registerCudaStore(): void {
  sharedRegistry<OwnStoreFactory>("stores").set(backendName, Object.assign(makeStore, { allocatedBytes }));
}

/** Makes the backend's recorder known to caches, in the same way. */
export function registerStepRecorder(): void {
  sharedRegistry<() => StepRecorder>("stepRecorders").set(backendName, () => (tf.backend() as CudaBackend).recorder);
}

function makeStore(options: StoreOptions): LayerStore | undefined {
  const backend = tf.backend() as CudaBackend;
  return options.shape.headDim > largestHead ? undefined : new CudaStore(options, backend);
}

/** Bytes of all pages and merging states in use; waits for the device. */
function allocatedBytes(): number {
  const { engine } = tf.backend() as CudaBackend;
  return usedPageBytes(engine) + usedStateBytes(engine);
}
