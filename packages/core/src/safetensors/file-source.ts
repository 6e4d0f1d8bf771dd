import { KvfoldError } from "../errors/kvfold-error.js";
import { type ByteSource, checkRange } from "./byte-source.js";

/** One system call reads at most 2^31 - 1 bytes. */
const MAX_READ = 1 << 30;

/**
 * Opens a file for reading by range. The only way in which the readers reach the file system: `node:fs` is looked up at
 * the call, so that a browser bundle can hold the readers and use them with bytes in memory.
 *
 * @throws KvfoldError `file-unreadable` when there is no such file, or it is a folder or not permitted
 */
export function openFileSource(path: string): ByteSource {
  const fs = fileSystem();
  let fd: number;
  try {
    fd = fs.openSync(path, "r");
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const stat = fs.fstatSync(fd);
  if (!stat.isFile()) {
    fs.closeSync(fd);
    throw new KvfoldError("file-unreadable", `${path} is not a file${stat.isDirectory() ? " but a folder" : ""}.`);
  }
  let open = true;
  return {
    path,
    size: stat.size,
    readInto(offset, target) {
      if (!open) throw new KvfoldError("file-closed", `${path} was closed; open it again to read from it.`);
      checkRange(this, offset, target.byteLength);
      for (let done = 0; done < target.byteLength; ) {
        const length = Math.min(MAX_READ, target.byteLength - done);
        let got: number;
        try {
          got = fs.readSync(fd, target, done, length, offset + done);
        } catch (cause) {
          throw unreadable(path, cause);
        }
        if (got === 0) {
          throw new KvfoldError(
            "file-unreadable",
            `${path} ended at byte ${offset + done} while being read: another process made it shorter.`,
          );
        }
        done += got;
      }
    },
    close() {
      if (open) fs.closeSync(fd);
      open = false;
    },
  };
}

/** `node:fs`, without an import that a browser bundler would have to resolve. */
export function fileSystem(): typeof import("node:fs") {
  const fs = globalThis.process?.getBuiltinModule?.("node:fs");
  if (fs === undefined) {
    throw new KvfoldError(
      "file-system-missing",
      "Files can be opened by path only in Node.js 20.19 or newer; elsewhere pass the bytes with memorySource(bytes).",
    );
  }
  return fs;
}

/** Error for a path that cannot be read, with the system's reason. */
export function unreadable(path: string, cause: unknown): KvfoldError {
  const reason = (cause as NodeJS.ErrnoException).code;
  const words: Record<string, string> = {
    ENOENT: "there is no such file",
    EACCES: "permission denied",
    EISDIR: "it is a folder",
    ENOTDIR: "a part of the path is not a folder",
  };
  const sentence = (reason !== undefined && words[reason]) ?? (cause as Error).message;
  return new KvfoldError("file-unreadable", `Cannot read ${path}: ${sentence}.`, { cause });
}
