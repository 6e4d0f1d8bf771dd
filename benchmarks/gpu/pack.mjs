// Gathers what a machine needs that has a GPU and its driver, but no Node and no network, into packed/kvfold-gpu.tar.xz:
//   npm run bench:gpu:pack
// The kernels (npm run kernels:prebuild) and their tests (node scripts/build-device-tests.mjs) must have been built.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { machine } from "../src/machine.mjs";
import { bundlePrograms, bundleSuite } from "./bundle.mjs";

/** What is sent to such a machine in one go may be this large. */
const limit = 64 * 2 ** 20;
const root = fileURLToPath(new URL("../..", import.meta.url));
const cuda = join(root, "packages/kernels-cuda");
const here = fileURLToPath(new URL(".", import.meta.url));

const needed = {
  [join(cuda, "cubin/manifest.json")]: "npm --prefix packages/kernels-cuda run kernels:prebuild",
  [join(cuda, "build/device-tests")]: "node packages/kernels-cuda/scripts/build-device-tests.mjs",
  [join(cuda, "prebuilds/linux-x64/kernels-cuda.node")]: "npm --prefix packages/kernels-cuda run native:prebuild",
};
const missing = Object.entries(needed).filter(([path]) => !existsSync(path));
for (const [path, command] of missing) console.error(`There is no ${path}: run ${command}`);
if (missing.length > 0) process.exit(1);

const work = mkdtempSync(join(tmpdir(), "kvfold-gpu-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
const folder = join(work, "kvfold-gpu");
mkdirSync(join(folder, "dist"), { recursive: true });

cpSync(process.execPath, join(folder, "node"));
chmodSync(join(folder, "node"), 0o755);
execFileSync("strip", ["--strip-unneeded", join(folder, "node")]);
const jasmine = createRequire(join(root, "packages/core/package.json")).resolve("jasmine-core");
await bundlePrograms(join(folder, "dist"));
await bundleSuite(join(folder, "dist/suite.cjs"), join(jasmine, "../jasmine-core/jasmine.js"));
take(join(jasmine, "../.."), "jasmine-core");
take(join(cuda, "package.json"), "package.json");
take(join(cuda, "prebuilds"), "prebuilds");
take(join(cuda, "cubin"), "cubin");
take(join(cuda, "build/device-tests"), "device-tests");
take(join(root, "packages/demo-model/plain"), "demo-model");
take(join(root, "testdata/goldens/dmc/tiny_llama"), "goldens/tiny_llama");
for (const file of ["run-all", "table-to-json.sed", "bars.mjs", "summary.mjs", "summarize.mjs", "shapes.mjs", "peers"])
  take(join(here, file), file);
const { commit, date, versions } = machine();
writeFileSync(join(folder, "about.json"), `${JSON.stringify({ commit, packed: date, versions })}\n`);

mkdirSync(join(here, "packed"), { recursive: true });
const out = join(here, "packed/kvfold-gpu.tar.xz");
execFileSync("tar", ["-C", work, "-cJf", out, "kvfold-gpu"]);
for (const name of readdirSync(folder).sort()) console.log(`${mebibytes(bytesUnder(join(folder, name)))}  ${name}`);
const bytes = statSync(out).size;
console.log(`${mebibytes(bytes)}  ${out}`);
if (bytes > limit) {
  rmSync(out);
  console.error(`That is more than ${mebibytes(limit)}: the file was removed.`);
  process.exit(1);
}

function take(from, to) {
  cpSync(from, join(folder, to), { recursive: true, dereference: true });
}

function bytesUnder(path) {
  const found = statSync(path);
  if (!found.isDirectory()) return found.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesUnder(join(path, name)), 0);
}

function mebibytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1).padStart(7)} MiB`;
}
