import { sharedRegistry } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { ReferenceStore } from "./reference-store/reference-store.js";
import type { LayerStore, OwnStoreFactory, StoreOptions } from "./store.js";

const registry = () => sharedRegistry<OwnStoreFactory>("stores");

/** Makes `factory` the store of a TensorFlow.js backend; kernels packages call this when they are loaded. */
export function registerStore(backendName: string, factory: OwnStoreFactory): void {
  registry().set(backendName, factory);
}

/** Whether a backend registered a store of its own. */
export function hasOwnStore(backendName: string): boolean {
  return registry().has(backendName);
}

/** Bytes that the current backend's own stores hold; undefined when their memory is TensorFlow.js's tensors. */
export function allocatedByStores(): number | undefined {
  return registry().get(tf.getBackend())?.allocatedBytes?.();
}

/** A store on the current backend: its own if it registered one that takes these options, else the reference store. */
export function createStore(options: StoreOptions): LayerStore {
  const own = registry().get(tf.getBackend())?.(options);
  return own ?? new ReferenceStore(options);
}
