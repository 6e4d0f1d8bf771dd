// Which C++ sources make the addon, with which flags, for which instruction sets; and the hash that ties a binary to them.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const packageFolder = join(dirname(fileURLToPath(import.meta.url)), "..");
export const nativeFolder = join(packageFolder, "native");

/** Flags of each instruction set; its sources are compiled into the namespace of this name. */
const avx2 = ["-mavx2", "-mfma", "-mf16c"];
const avx512 = [...avx2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"];
const avx512vnni = [...avx512, "-mavx512vnni"];
const amx = [...avx512vnni, "-mavx512bf16", "-mamx-tile", "-mamx-int8", "-mamx-bf16"];
export const instructionSets = {
  x64: { scalar: [], avx2, avx512, avx512vnni, amx },
  arm64: { scalar: [], neon: [] },
};

/** No fast-math: sums are regrouped by hand only. Products are fused only where a kernel says so. */
export const commonFlags = [
  "-std=c++17",
  "-O3",
  "-fPIC",
  "-fvisibility=hidden",
  "-fno-exceptions",
  "-fno-rtti",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-ffp-contract=off",
  "-Wall",
  "-Wextra",
  "-Wno-uninitialized", // GCC's own intrinsics headers set them off
  "-Wno-maybe-uninitialized",
  "-Werror",
];

function sourcesIn(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(cc|h)$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** All sources of the addon, absolute paths: those in kernels/ are compiled for every instruction set. */
export function nativeSources() {
  const all = sourcesIn(nativeFolder).filter((file) => !/\/(test|bench)\//.test(file));
  const isKernel = (file) => relative(nativeFolder, file).startsWith("kernels/");
  const compiled = all.filter((file) => file.endsWith(".cc"));
  return { all, kernels: compiled.filter(isKernel), common: compiled.filter((file) => !isKernel(file)) };
}

/** sha256 over sources and flags. */
export function sourceHash() {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([instructionSets, commonFlags]));
  for (const file of nativeSources().all) hash.update(relative(nativeFolder, file)).update(readFileSync(file));
  return hash.digest("hex");
}
