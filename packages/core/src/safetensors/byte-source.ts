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
  /** Closes the file; does nothing for memory. */
  close(): void;
}

/** Bytes that are already in memory, read in place. */
export function memorySource(bytes: Uint8Array, path = "memory"): ByteSource {
  return {
    path,
    size: bytes.byteLength,
    readInto(offset, target) {
      checkRange(this, offset, target.byteLength);
      target.set(bytes.subarray(offset, offset + target.byteLength));
    },
    close() {},
  };
}

/** @throws KvfoldError `bytes-out-of-range` when `[offset, offset + length)` is not inside the source */
export function checkRange(source: ByteSource, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || length > source.size - offset) {
    throw new KvfoldError(
      "bytes-out-of-range",
      `${source.path}: bytes ${offset} to ${offset + length} were asked for, but it has ${source.size} bytes.`,
    );
  }
}
