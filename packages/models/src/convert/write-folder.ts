import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { KvfoldError, type SafetensorsInput, writeSafetensorsInPieces } from "@kvfold/core";

/** What a Hugging Face folder is to hold. */
export interface FolderContent {
  /** Small files: name to content. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  readonly tensors: Readonly<Record<string, SafetensorsInput>>;
  /** What `model.safetensors` says beside `format: pt`, without which `transformers` refuses the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a Hugging Face folder under a temporary name beside it, then renames it: it appears whole or not at all. Gives the
 * bytes of weights written so far after every piece; leaving the loop early leaves nothing behind. A folder of this name is
 * replaced: callers call {@link refuseOverwriting} first, or know that it is theirs.
 *
 * @throws KvfoldError `file-unwritable`; errors of `tensors` pass through when they are of this class
 */
export function* writeFolderInPieces(
  folder: string,
  { files, tensors, metadata = {} }: FolderContent,
): Generator<number, void, void> {
  const temporary = `${resolve(folder)}.${process.pid}.tmp`;
  try {
    mkdirSync(temporary, { recursive: true });
    for (const [name, content] of files) writeFileSync(join(temporary, name), content);
    yield* writeSafetensorsInPieces(join(temporary, "model.safetensors"), tensors, { format: "pt", ...metadata });
    putInPlace(temporary, folder);
  } catch (cause) {
    if (KvfoldError.isInstance(cause)) throw cause;
    throw new KvfoldError("file-unwritable", `Cannot write ${folder}: ${(cause as Error).message}.`, { cause });
  } finally {
    rmSync(temporary, { recursive: true, force: true }); // already renamed when all went well
  }
}

/** @throws KvfoldError `folder-not-empty` unless `folder` does not exist or is empty */
export function refuseOverwriting(folder: string): void {
  const names = namesIn(folder);
  if (names.length === 0) return;
  throw new KvfoldError(
    "folder-not-empty",
    `${folder} is not empty (${names.slice(0, 5).join(", ")}); name a new folder, nothing is overwritten.`,
  );
}

/**
 * Names in a folder; none when it does not exist.
 * @throws KvfoldError `folder-not-empty` when it is a file
 */
export function namesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  try {
    return readdirSync(folder);
  } catch (cause) {
    throw new KvfoldError("folder-not-empty", `${folder} is a file; name a new folder.`, { cause });
  }
}

/** A folder cannot be renamed onto one with files, so the old one steps aside, and comes back when the rename fails. */
function putInPlace(temporary: string, folder: string): void {
  if (!existsSync(folder)) {
    renameSync(temporary, folder);
    return;
  }
  const old = `${temporary}.old`;
  renameSync(folder, old);
  try {
    renameSync(temporary, folder);
  } catch (cause) {
    renameSync(old, folder);
    throw cause;
  }
  rmSync(old, { recursive: true });
}
