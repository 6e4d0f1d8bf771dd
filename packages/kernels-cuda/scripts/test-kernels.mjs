// Builds and runs the C++ tests of the kernels on the emulator: node scripts/test-kernels.mjs [--address] [name ...]
//   --address   under the address sanitizer, which finds every step outside of an array
// Names choose tests. Without a compiler it says so (exit 0).
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { compileSources, findCompiler, run } from "./compile.mjs";
import { emulatorFlags, kernelSources, packageFolder, sourcesIn } from "./sources.mjs";

const compiler = findCompiler();
if (process.platform !== "linux" || compiler === undefined) {
  console.log("[kernels] no C++ compiler for Linux here: the kernels' tests are skipped");
  process.exit(0);
}
const names = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const sanitized = process.argv.includes("--address");
const extra = sanitized ? ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"] : [];
const folder = join(packageFolder, "build", sanitized ? "kernel-tests-address" : "kernel-tests");
const sources = [...sourcesIn("test", /\.cc$/), ...sourcesIn("emulator", /\.cc$/), ...kernelSources()];
const { objects } = await compileSources({ compiler, folder, flags: [...emulatorFlags, ...extra], sources });
const program = join(folder, "kernel-tests");
mkdirSync(folder, { recursive: true });
await run(compiler, [...extra, ...objects, "-lpthread", "-o", program]);
process.exitCode = spawnSync(program, names, { stdio: "inherit" }).status ?? 1;
