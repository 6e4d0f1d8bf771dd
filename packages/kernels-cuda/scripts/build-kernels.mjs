// Compiles the CUDA sources into fatbins and writes them with their manifest: npm run kernels:prebuild. Only what changed is
// compiled. Without nvcc it says which fatbins are out of date.
//   --require   fails when one is out of date and cannot be compiled
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fatbinName, findNvcc, kernelFlags, kernelHash, kernelSources, packageFolder } from "./sources.mjs";

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
for (const name of Object.keys(before.fatbins)) {
  if (!wanted.some((one) => one.name === name)) rmSync(join(folder, `${name}.fatbin`), { force: true });
}
const fatbins = new Map(wanted.filter((one) => !stale.includes(one)).map(({ name }) => [name, before.fatbins[name]]));
const queue = [...stale];
const worker = async () => {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
    const start = Date.now();
    const { name, sources, source } = job;
    const target = join(folder, `${name}.fatbin`);
    const said = await nvccSays([...kernelFlags, "-Xptxas", "-v", "-fatbin", "-o", target, source]);
    fatbins.set(name, { sources, fatbin: sha256(target), kernels: resourcesIn(said) });
    writeManifest(); // so that a run that is stopped half way need not begin again
    console.log(`[kernels] ${name} in ${((Date.now() - start) / 1000).toFixed(0)} s`);
  }
};
await Promise.all(Array.from({ length: availableParallelism() }, worker));
writeManifest();
const bytes = wanted.reduce((sum, { name }) => sum + readFileSync(join(folder, `${name}.fatbin`)).length, 0);
const kernels = [...fatbins.values()].reduce((sum, one) => sum + Object.keys(one.kernels).length, 0);
console.log(`[kernels] ${wanted.length} fatbins, ${kernels} kernels, ${(bytes / 1024).toFixed(0)} KiB`);

function writeManifest() {
  const inOrder = Object.fromEntries([...fatbins].sort(([a], [b]) => (a < b ? -1 : 1)));
  // A driver loads what a toolkit of its own major version made; older ones refuse it.
  const minimumDriver = 1000 * Number.parseInt(nvcc.version, 10);
  const manifest = { toolkit: nvcc.version, minimumDriver, fatbins: inOrder };
  writeFileSync(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Runs nvcc and gives what it prints. */
function nvccSays(args) {
  return new Promise((resolve, reject) => {
    execFile(nvcc.path, args, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`nvcc failed:\n${stderr}`));
      else resolve(stdout + stderr);
    });
  });
}

/** The most registers and spilled bytes of each kernel over the architectures, from what ptxas prints. */
function resourcesIn(said) {
  const kernels = {};
  const pattern = /entry function '(\w+)'[\s\S]*?(\d+) bytes spill stores[\s\S]*?Used (\d+) registers/g;
  for (const [, name, spilled, registers] of said.matchAll(pattern)) {
    const before = kernels[name] ?? { registers: 0, spilledBytes: 0 };
    kernels[name] = {
      registers: Math.max(before.registers, Number(registers)),
      spilledBytes: Math.max(before.spilledBytes, Number(spilled)),
    };
  }
  return kernels;
}
