// Builds the kernels' tests for a GPU into build/device-tests, a program that needs only a driver:
//   node scripts/build-device-tests.mjs [--arch sm_90]
// It runs the same tests as test-kernels.mjs, by the compiled kernels; names as arguments choose tests. Under compute-sanitizer
// it is the check for memory and races.
import { existsSync, mkdirSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { run } from "./compile.mjs";
import { findNvcc, kernelSources, nativeFolder, packageFolder, sourcesIn } from "./sources.mjs";

const nvcc = findNvcc();
if (nvcc === undefined) {
  console.log("[kernels] there is no nvcc here: the tests for a GPU cannot be built");
  process.exit(1);
}
const archAt = process.argv.indexOf("--arch");
const arch = archAt < 0 ? "sm_90" : process.argv[archAt + 1];
const folder = join(packageFolder, "build", `device-tests-${arch}`);
const flags = ["-std=c++17", "-O2", `-arch=${arch}`, "-DKVFOLD_TESTS_ON_DEVICE", "-x", "cu", "-dc"];
const tests = sourcesIn("test", /\.(cc|cu)$/).filter((source) => !source.endsWith("/memory.cc"));
const sources = [...kernelSources(), ...tests];
const headers = [...sourcesIn("kernels", /\.h$/), ...sourcesIn("test", /\.h$/), ...sourcesIn("emulator", /\.h$/)];
const objectOf = (source) => join(folder, `${relative(nativeFolder, source).replaceAll("/", "-")}.o`);
const isOld = (source) => {
  const object = objectOf(source);
  return !existsSync(object) || [source, ...headers].some((file) => statSync(file).mtimeMs > statSync(object).mtimeMs);
};
mkdirSync(folder, { recursive: true });
const queue = sources.filter(isOld);
const worker = async () => {
  for (let source = queue.shift(); source !== undefined; source = queue.shift()) {
    await run(nvcc.path, [...flags, "-o", objectOf(source), source]);
    console.log(`[kernels] ${relative(nativeFolder, source)}`);
  }
};
await Promise.all(Array.from({ length: availableParallelism() }, worker));
const program = join(packageFolder, "build", "device-tests");
await run(nvcc.path, [`-arch=${arch}`, "-cudart", "static", ...sources.map(objectOf), "-o", program]);
console.log(`[kernels] ${program}`);
