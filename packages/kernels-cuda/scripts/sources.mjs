// Which sources make the addon, the kernels and the driver's emulator; and the hashes that tie binaries to them.
import { spawnSync } from "node:child_process";
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

/** Real architectures that kernels are compiled for; 90a is Hopper with what only it has. */
const architectures = ["80", "86", "89", "90a", "100", "120"];

/** Flags of nvcc. Later devices compile the PTX of the last architecture that lacks special features. */
export const kernelFlags = [
  "-std=c++17",
  "-O3",
  "--compress-mode=size",
  ...architectures.flatMap((name) => ["-gencode", `arch=compute_${name},code=sm_${name}`]),
  "-gencode",
  "arch=compute_80,code=compute_80",
];

/** The toolkit's compiler and its version, as `13.0`; undefined where there is none. */
export function findNvcc() {
  for (const path of [process.env.NVCC, "nvcc", "/usr/local/cuda/bin/nvcc"].filter(Boolean)) {
    const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
    const version = /release (\d+\.\d+)/.exec(stdout ?? "")?.[1];
    if (status === 0 && version !== undefined) return { path, version };
  }
  return undefined;
}

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

/** A source and every file of this package that it includes, sorted. */
export function includesOf(source, found = new Set()) {
  if (found.has(source)) return [];
  found.add(source);
  for (const [, name] of readFileSync(source, "utf8").matchAll(/^#include "([^"]+)"/gm)) {
    const path = join(dirname(source), name);
    // the emulator's words are not part of what nvcc compiles
    if (!path.startsWith(join(nativeFolder, "emulator"))) includesOf(path, found);
  }
  return [...found].sort();
}

/** sha256 over the addon's sources, everything that they include, and the flags. */
export function addonHash() {
  const files = new Set(sourcesIn("addon", /\.(cc|h)$/).flatMap((source) => includesOf(source)));
  return hashOf(JSON.stringify(addonFlags), [...files].sort());
}

/** sha256 over a CUDA source, everything that it includes, and the flags. */
export function kernelHash(source) {
  return hashOf(JSON.stringify(kernelFlags), includesOf(source));
}

function hashOf(start, files) {
  const hash = createHash("sha256").update(start);
  for (const file of files) hash.update(relative(nativeFolder, file)).update(readFileSync(file));
  return hash.digest("hex");
}
