// Compiles CUDA sources with nvcc and prints registers, spills and shared memory of every kernel; exit 1 when one spills, or
// takes more than 128 registers without a reason: node scripts/kernel-resources.mjs [--arch sm_90a] [part of a path ...]
import { spawnSync } from "node:child_process";
import { kernelSources } from "./sources.mjs";

const mostRegisters = 128;
/** Kernels that may take more, and why. */
const reasons = [
  [/^kvfold_decode_attention_/, "shared memory bounds the warps of a multiprocessor to 4 to 16"],
  [
    /^kvfold_(gemm|prefill|column)_/,
    "tiles of sums stay in registers; one or two blocks of a multiprocessor are meant",
  ],
];

const archAt = process.argv.indexOf("--arch");
const arch = archAt < 0 ? "sm_90a" : process.argv[archAt + 1];
const parts = process.argv.slice(2).filter((argument) => !argument.startsWith("--") && argument !== arch);
const compiler = ["nvcc", "/usr/local/cuda/bin/nvcc"].find((name) => spawnSync(name, ["--version"]).status === 0);
if (compiler === undefined) {
  console.log("[kernels] there is no nvcc here");
  process.exit(0);
}
for (const source of kernelSources()) {
  if (parts.length > 0 && !parts.some((part) => source.includes(part))) continue;
  const flags = ["-std=c++17", `-arch=${arch}`, "-cubin", "-Xptxas", "-v", "-o", "/dev/null", source];
  const { status, stderr } = spawnSync(compiler, flags, { encoding: "utf8" });
  if (status !== 0) {
    console.log(stderr);
    process.exit(1);
  }
  const found = stderr.matchAll(
    /function '(\w+)'[\s\S]*?(\d+) bytes stack frame, (\d+) bytes spill stores[\s\S]*?Used (\d+) registers(.*)/g,
  );
  for (const [, name, stack, spilled, registers] of found) {
    const tooMany = Number(registers) > mostRegisters && !reasons.some(([pattern]) => pattern.test(name));
    const bad = Number(spilled) > 0 || tooMany;
    console.log(
      `${bad ? "!" : " "} ${arch} ${name}: ${registers} registers, ${spilled} spilled, ${stack} on the stack`,
    );
    if (bad) process.exitCode = 1;
  }
}
