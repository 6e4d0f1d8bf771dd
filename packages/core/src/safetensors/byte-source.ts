import { KvfoldError } from "../errors/kvfold-error.js";

/** Random access to bytes: a file, or memory (in a browser: the body of a fetch). */
export interface ByteSource {
  /** File name or label, for messages. */
  readonly path: string;
  /** Bytes in all. */
  readonly size: number;
  /**
   * Fills `target` with the bytes from `offset` on.
   * @throws KvfoldError `bytes-out-of-range`, or `file-unreadable` when the file shrank or the disk failed
   */
  readInto(offset: number, target: Uint8Array): void;
  /**
   * The bytes `[offset, offset + length)` without a copy, where they lie in memory: read only, and empty after
   * {@link close} when the memory is that of a mapped file.
   * @throws KvfoldError `bytes-out-of-range`
   */
  view?(offset: number, length: number): Uint8Array;
  /** Closes the file; does nothing for memory. */
  close(): void;
}

/**
 * Bytes that are already in memory, read in place.
 *
 * @param path label for messages
 * @param onClose releases the memory; after it reading is an error. Default: closing does nothing
 */
export function memorySource(bytes: Uint8Array, path = "memory", onClose?: () => void): ByteSource {
  const size = bytes.byteLength;
  let open = true;
  const view = (offset: number, length: number) => {
    if (!open) throw new KvfoldError("file-closed", `${path} was closed; open it again to read from it.`);
    checkRange({ path, size }, offset, length);
    return bytes.subarray(offset, offset + length);
  };
  return {
    path,
    size,
    view,
    readInto: (offset, target) => target.set(view(offset, target.byteLength)),
    close() {
      if (onClose === undefined || !open) return;
      open = false;
      onClose();
    },
  };
}

/** As {@link ByteSource.view}; a copy where the source has none. */
export function viewOrRead(source: ByteSource, offset: number, length: number): Uint8Array {
  if (source.view) return source.view(offset, length);
  const bytes = new Uint8Array(length);
  source.readInto(offset, bytes);
  return bytes;
}

/** @throws KvfoldError `bytes-out-of-range` when `[offset, offset + length)` is not inside the source */
export function checkRange(source: Pick<ByteSource, "path" | "size">, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || length > source.size - offset) {
    throw new KvfoldError(
      "bytes-out-of-range",
      `${source.path}: bytes ${offset} to ${offset + length} were asked for, but it has ${source.size} bytes.`,
    );
  }
}
