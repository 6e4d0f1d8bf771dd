// Which sources make the addon, the kernels and the driver's emulator; and the hashes that tie binaries to them.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const packageFolder = join(dirname(fileURLToPath(import.meta.url)), "..");
export const nativeFolder = join(packageFolder, "native");

/** Flags of the addon. */
export const addonFlags = [
  "-std=c++17",
  "-O2",
  "-fPIC",
  "-fvisibility=hidden",
  "-fno-exceptions",
  "-fno-rtti",
  "-fno-threadsafe-statics",
  "-Wall",
  "-Wextra",
  "-Werror",
];

/** Flags of the emulators, which only tests load. */
export const emulatorFlags = [
  "-std=c++17",
  "-O1",
  "-g1",
  "-fPIC",
  "-fvisibility=hidden",
  "-Wall",
  "-Wextra",
  "-Werror",
];

/** Files below a folder of `native`, sorted, absolute paths. */
export function sourcesIn(folder, pattern) {
  return readdirSync(join(nativeFolder, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** The CUDA sources, sorted: each becomes a fatbin of its own. */
export function kernelSources() {
  return sourcesIn("kernels", /\.cu$/);
}

/** Name of the fatbin of a CUDA source: its path below kernels. */
export function fatbinName(source) {
  return relative(join(nativeFolder, "kernels"), source).replace(/\.cu$/, "").replaceAll("/", "-");
}

/** Names of the kernels that a CUDA source defines, from `extern "C" __global__ void [attributes] kvfold_name(`. */
export function kernelNames(source) {
  const text = readFileSync(source, "utf8");
  return [...text.matchAll(/\b(kvfold_\w+)\s*\(\s*const\s+(?:\w+::)*\w+\s+\w+\s*\)\s*\{/g)].map(([, name]) => name);
}

/** sha256 over the addon's sources and flags. */
export function addonHash() {
  return hashOf(JSON.stringify(addonFlags), sourcesIn("addon", /\.(cc|h)$/));
}

/** sha256 over a CUDA source, every header that it may include, and the flags. */
export function kernelHash(source, flags) {
  return hashOf(JSON.stringify(flags), [source, ...sourcesIn("kernels", /\.(h|cuh)$/)]);
}

function hashOf(start, files) {
  const hash = createHash("sha256").update(start);
  for (const file of files) hash.update(relative(nativeFolder, file)).update(readFileSync(file));
  return hash.digest("hex");
}
