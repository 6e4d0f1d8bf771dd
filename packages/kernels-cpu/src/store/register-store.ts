import { sharedRegistry } from "@kvfold/core";
import type { StepRecorder, StoreFactory } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { loadKernels } from "../load-kernels.js";
import type { NativeBackend } from "../native-backend.js";
import { NativeStore } from "./native-store.js";

/**
 * Makes {@link NativeStore} the store of caches on the backend `native`. This package may import core only, so it writes to
 * the registry that `@kvfold/kv-cache` reads.
 */
export function registerNativeStore(): void {
  sharedRegistry<StoreFactory>("stores").set("native", Object.assign(makeStore, { allocatedBytes }));
}

/** Makes the backend's recorder known to caches, in the same way. */
export function registerStepRecorder(): void {
  sharedRegistry<() => StepRecorder>("stepRecorders").set("native", () => (tf.backend() as NativeBackend).recorder);
}

const makeStore: StoreFactory = (options) => new NativeStore(options, tf.backend() as NativeBackend);

/** Bytes of all pages in use, of all stores in this process. */
function allocatedBytes(): number {
  const kernels = loadKernels();
  return kernels.available ? kernels.addon.pagedBytes() : 0;
}
