import * as tf from "@tensorflow/tfjs-core";

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

// on globalThis, so that two loaded copies of this package see the same backends
const registryKey = Symbol.for("kvfold.packedSupport");
type Registry = Map<string, PackedSupport>;

function registry(): Registry {
  const holder = globalThis as { [registryKey]?: Registry };
  holder[registryKey] ??= new Map();
  return holder[registryKey];
}

/** Says what a TensorFlow.js backend can do with packed weights; kernels packages call this when they are loaded. */
export function registerPackedSupport(backendName: string, support: PackedSupport): void {
  registry().set(backendName, support);
}

/** What the current backend can do with packed weights; undefined when it unpacks them for every product. */
export function packedSupport(): PackedSupport | undefined {
  return registry().get(tf.getBackend());
}
