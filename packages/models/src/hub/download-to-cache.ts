import { createHash } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KvfoldError } from "@kvfold/core";
import { explain, type HubOptions, openHubFile } from "./hub-client.js";
import type { HubFile } from "./hub-files.js";
import type { HubModelId } from "./model-spec.js";

/** Where a download stands. */
export interface DownloadProgress {
  /** File being fetched. */
  readonly file: string;
  /** Bytes that are there, of all files that are wanted so far. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** What is fetched, and where to. */
export interface DownloadTarget {
  readonly id: HubModelId;
  readonly commit: string;
  /** Folder of this commit. */
  readonly snapshot: string;
}

/**
 * Fetches the files that the snapshot folder lacks. Each file is written beside its place, checked (length; SHA-256 where the
 * hub states one) and then renamed, so a file in the cache is always whole, also after a crash or with two processes.
 *
 * @throws KvfoldError `hub-damaged` when the bytes are not those the hub announced, `hub-unreachable` when the connection breaks
 */
export async function downloadToCache(
  target: DownloadTarget,
  files: readonly HubFile[],
  options: HubOptions & { readonly onProgress?: (progress: DownloadProgress) => void },
): Promise<void> {
  const totalBytes = files.reduce((sum, file) => sum + file.size, 0);
  let doneBytes = 0;
  for (const file of files) {
    const path = join(target.snapshot, ...file.path.split("/"));
    if ((await sizeOf(path)) !== file.size) {
      await fetchFile(target, file, path, options, (bytes) =>
        options.onProgress?.({ file: file.path, doneBytes: doneBytes + bytes, totalBytes }),
      );
    }
    doneBytes += file.size;
    options.onProgress?.({ file: file.path, doneBytes, totalBytes });
  }
}

async function fetchFile(
  { id, commit }: DownloadTarget,
  file: HubFile,
  path: string,
  options: HubOptions,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const partial = `${path}.${process.pid}.incomplete`;
  await mkdir(dirname(path), { recursive: true });
  const output = await open(partial, "w");
  try {
    const hash = createHash("sha256");
    let bytes = 0;
    await explain(id, async () => {
      for await (const chunk of await openHubFile(id, commit, file.path, options)) {
        options.signal?.throwIfAborted();
        bytes += chunk.length;
        if (bytes > file.size) break;
        hash.update(chunk);
        await output.write(chunk);
        onBytes(bytes);
      }
    });
    if (bytes !== file.size) throw damaged(id, file, `${bytes} bytes came instead of ${file.size}`);
    if (file.sha256 !== undefined && hash.digest("hex") !== file.sha256)
      throw damaged(id, file, "its SHA-256 is not the one the hub states");
    await output.close();
    await rename(partial, path);
  } finally {
    await output.close().catch(() => undefined);
    await rm(partial, { force: true });
  }
}

function damaged(id: HubModelId, file: HubFile, problem: string): KvfoldError {
  return new KvfoldError("hub-damaged", `${id.name}: ${file.path} arrived damaged (${problem}). Try again.`);
}

async function sizeOf(path: string): Promise<number | undefined> {
  const info = await stat(path).catch(() => undefined);
  return info?.isFile() ? info.size : undefined;
}
