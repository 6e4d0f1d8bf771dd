import { KvfoldError } from "@kvfold/core";
import { loadKernels } from "./load-kernels.js";

/** A file in memory. */
export interface MappedFile extends Disposable {
  /** The file's content. Writes stay private to the process; after {@link dispose} it is empty. */
  readonly bytes: Uint8Array;
  /** Releases the address range at once; views of {@link bytes} become empty. */
  dispose(): void;
}

/**
 * Maps a file: its pages are read when they are first used, shared with other processes, and dropped by the system under
 * memory pressure. The file must not be shortened while it is mapped; the process ends when a missing page is touched.
 *
 * @throws KvfoldError `map-file` when the file cannot be mapped, with the system's reason
 */
export function mapFile(path: string): MappedFile {
  const kernels = loadKernels();
  if (!kernels.available)
    throw new KvfoldError("map-file", `Mapping ${path} needs the native addon: ${kernels.reason}.`);
  const mapped = kernels.addon.mapFile(path);
  if (typeof mapped === "string") throw new KvfoldError("map-file", `Cannot map ${path}: ${mapped}.`);
  const bytes = new Uint8Array(mapped ?? new ArrayBuffer(0));
  const dispose = () => {
    if (mapped !== undefined) kernels.addon.detach(mapped);
  };
  return { bytes, dispose, [Symbol.dispose]: dispose };
}
