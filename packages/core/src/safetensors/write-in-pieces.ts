import { KvfoldError } from "../errors/kvfold-error.js";
import { fileSystem } from "./file-source.js";

/**
 * Writes a file piece by piece: first to a temporary file beside it, then renamed, so that a reader (or a crash) never meets half
 * a file. Gives the bytes written so far after every piece, so that the caller can show progress and let other work run; leaving
 * the loop early removes the temporary file and keeps the old one.
 *
 * @throws KvfoldError `file-unwritable`; errors of `pieces` pass through when they are of this class
 */
export function* writeInPieces(path: string, pieces: Iterable<Uint8Array>): Generator<number, void, void> {
  const fs = fileSystem();
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`;
  let fd: number | undefined;
  try {
    fd = fs.openSync(temporary, "wx");
    let written = 0;
    for (const piece of pieces) {
      for (let done = 0; done < piece.byteLength; ) done += fs.writeSync(fd, piece, done);
      written += piece.byteLength;
      yield written;
    }
    fs.fsyncSync(fd);
    fs.closeSync(fd);
    fd = undefined;
    fs.renameSync(temporary, path);
  } catch (cause) {
    if (KvfoldError.isInstance(cause)) throw cause;
    throw new KvfoldError("file-unwritable", `Cannot write ${path}: ${(cause as Error).message}.`, { cause });
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
    fs.rmSync(temporary, { force: true }); // already renamed when all went well
  }
}
