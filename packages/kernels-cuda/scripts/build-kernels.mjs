// Compiles the CUDA sources into fatbins and writes them with their manifest: npm run kernels:prebuild. Only what changed is
// compiled. Without nvcc it says which fatbins are out of date.
//   --require   fails when one is out of date and cannot be compiled
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { run } from "./compile.mjs";
import {
  fatbinName,
  findNvcc,
  kernelFlags,
  kernelHash,
  kernelNames,
  kernelSources,
  packageFolder,
} from "./sources.mjs";

const folder = join(packageFolder, "cubin");
const manifestPath = join(folder, "manifest.json");
const before = existsSync(manifestPath) ? JSON.parse(readFileSync(manifestPath, "utf8")) : { fatbins: {} };
const nvcc = findNvcc();
const sha256 = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

const wanted = kernelSources().map((source) => ({ source, name: fatbinName(source), sources: kernelHash(source) }));
const stale = wanted.filter(({ name, sources }) => {
  const path = join(folder, `${name}.fatbin`);
  const entry = before.fatbins[name];
  return entry?.sources !== sources || !existsSync(path) || sha256(path) !== entry.fatbin;
});
if (nvcc === undefined) {
  const list = stale.map(({ name }) => name).join(", ");
  console.log(`[kernels] no nvcc; ${stale.length === 0 ? "the fatbins match their sources" : `out of date: ${list}`}`);
  process.exit(stale.length > 0 && process.argv.includes("--require") ? 1 : 0);
}

mkdirSync(folder, { recursive: true });
const queue = [...stale];
const worker = async () => {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
    console.log(`[kernels] ${job.name}`);
    await run(nvcc.path, [...kernelFlags, "-fatbin", "-o", join(folder, `${job.name}.fatbin`), job.source]);
  }
};
await Promise.all(Array.from({ length: availableParallelism() }, worker));

for (const name of Object.keys(before.fatbins)) {
  if (!wanted.some((one) => one.name === name)) rmSync(join(folder, `${name}.fatbin`), { force: true });
}
const fatbins = Object.fromEntries(
  wanted.map(({ source, name, sources }) => [
    name,
    { sources, fatbin: sha256(join(folder, `${name}.fatbin`)), kernels: kernelNames(source) },
  ]),
);
// A driver loads what a toolkit of its own major version made; older ones refuse it.
const manifest = { toolkit: nvcc.version, minimumDriver: 1000 * Number.parseInt(nvcc.version, 10), fatbins };
writeFileSync(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
const bytes = wanted.reduce((sum, { name }) => sum + readFileSync(join(folder, `${name}.fatbin`)).length, 0);
const kernels = Object.values(fatbins).reduce((sum, one) => sum + one.kernels.length, 0);
console.log(`[kernels] ${wanted.length} fatbins, ${kernels} kernels, ${(bytes / 1024).toFixed(0)} KiB`);
