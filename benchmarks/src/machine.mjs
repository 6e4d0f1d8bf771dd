import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, cpus, loadavg, platform, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const SETS = [
  "avx2",
  "fma",
  "avx512f",
  "avx512_vnni",
  "avx512_bf16",
  "amx_int8",
  "amx_bf16",
  "asimd",
  "asimddp",
  "i8mm",
];

/** What a number means nothing without: commit, processor and its instruction sets, other load, versions, date. */
export function machine() {
  const cpuInfo = platform() === "linux" ? readFileSync("/proc/cpuinfo", "utf8") : "";
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuInfo)?.[1]?.split(" ") ?? [];
  const changed = git("status", "--porcelain", "--", "packages") !== "";
  return {
    date: new Date().toISOString(),
    commit: git("rev-parse", "--short", "HEAD") + (changed ? " with changes" : ""),
    cpu: cpus()[0]?.model.trim(),
    cores: cpus().length,
    instructionSets: SETS.filter((set) => flags.includes(set)),
    // mean number of running processes over the last minute; a quiet machine starts near 0
    loadAtStart: loadavg()[0],
    memoryBytes: totalmem(),
    platform: `${platform()}-${arch()}`,
    versions: { node: process.version, ...packageVersions() },
  };
}

/** Versions as the packages under test resolve them. */
function packageVersions() {
  const require = createRequire(new URL("../../packages/core/package.json", import.meta.url));
  const names = ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-wasm"];
  return Object.fromEntries(names.map((name) => [name, require(`${name}/package.json`).version]));
}

function git(...args) {
  return execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
}
