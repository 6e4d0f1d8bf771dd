import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where the dynamic linker looks besides its cache and `LD_LIBRARY_PATH`. */
const defaultFolders = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"];

/**
 * False when the dynamic linker surely finds no library of this name: most machines have no GPU, and shall not start a process
 * to learn it. Without the linker's cache (other C libraries have none) only trying tells.
 *
 * @param cache the linker's cache. For tests
 */
export function mayHaveLibrary(name: string, cache = "/etc/ld.so.cache"): boolean {
  const folders = [...(process.env.LD_LIBRARY_PATH ?? "").split(":"), ...defaultFolders];
  if (folders.some((folder) => folder !== "" && existsSync(join(folder, name)))) return true;
  try {
    return readFileSync(cache).includes(name);
  } catch {
    return true;
  }
}
