import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, cpus, platform, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a number means nothing without: commit, processor and its instruction sets, versions, date. */
export function machine() {
  const flags =
    platform() === "linux" ? /^flags\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] : undefined;
  const wanted = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"];
  return {
    date: new Date().toISOString(),
    commit:
      git("rev-parse", "--short", "HEAD") +
      (git("status", "--porcelain", "--", "packages") === "" ? "" : " with changes"),
    cpu: cpus()[0]?.model.trim(),
    cores: cpus().length,
    instructionSets: flags === undefined ? [] : wanted.filter((set) => flags.split(" ").includes(set)),
    memoryBytes: totalmem(),
    platform: `${platform()}-${arch()}`,
    node: process.version,
    tensorflowjs: "4.22.0",
  };
}

function git(...args) {
  return execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
}
