import { fileSystem, KvfoldError, openSafetensors } from "@kvfold/core";
import type { KvCache } from "../kv-cache.js";
import { type DecodeCacheOptions, readCache } from "./decode-cache.js";
import { encodeCache } from "./encode-cache.js";

/**
 * Writes a cache to a file (Node.js): first to a temporary one beside it, then renamed, so that a crash never leaves half
 * a file. In a browser use `encodeCache`.
 *
 * @throws KvfoldError `file-unwritable`
 */
export async function saveCache(cache: KvCache, path: string): Promise<void> {
  const bytes = await encodeCache(cache);
  const fs = fileSystem();
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`;
  try {
    fs.writeFileSync(temporary, bytes, { flush: true });
    fs.renameSync(temporary, path);
  } catch (cause) {
    throw new KvfoldError("file-unwritable", `Cannot write ${path}: ${(cause as Error).message}.`, { cause });
  } finally {
    fs.rmSync(temporary, { force: true }); // already renamed when all went well
  }
}

/**
 * Loads a cache that {@link saveCache} wrote; go on with it as if it had never been away.
 *
 * @throws KvfoldError `cache-file` for another format, version, policy or shape, and for damaged files;
 * `cache-codec` when the backend's store does not have the codec; `file-unreadable`; `safetensors-malformed`
 */
export function loadCache(path: string, options: DecodeCacheOptions): KvCache {
  return readCache(openSafetensors(path), options);
}
