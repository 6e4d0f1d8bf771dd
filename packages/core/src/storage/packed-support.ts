import * as tf from "@tensorflow/tfjs-core";
import { sharedRegistry } from "../registry/shared-registry.js";

/** What a backend can do with packed weights. */
export interface PackedSupport {
  /** Storage types that its kernels compute on as they are, for example `"q4_1"`. */
  readonly storages: readonly string[];
  /**
   * Maps a file into memory, so that weights need no copy. Absent where the backend keeps its own copy of weights.
   * @throws KvfoldError `map-file`
   */
  readonly mapFile?: (path: string) => { readonly bytes: Uint8Array; dispose(): void };
}

const registry = () => sharedRegistry<PackedSupport>("packedSupport");

/** Says what a TensorFlow.js backend can do with packed weights; kernels packages call this when they are loaded. */
export function registerPackedSupport(backendName: string, support: PackedSupport): void {
  registry().set(backendName, support);
}

/** What the current backend can do with packed weights; undefined when it unpacks them for every product. */
export function packedSupport(): PackedSupport | undefined {
  return registry().get(tf.getBackend());
}
