// Builds the addon with the machine's C++ compiler into build/, which git ignores, unless the committed prebuild was made
// from the present sources. No node-gyp, no download: the Node-API
// headers come from npm. Without a compiler the committed prebuild stays in use, and this says so (exit 0).
//   --prebuild   also replaces the committed prebuild and its manifest
//   --require    fails when nothing could be built
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { compileNative, findCompiler } from "./compile.mjs";
import { packageFolder, sourceHash } from "./native-sources.mjs";

const require = createRequire(import.meta.url);
const platform = `${process.platform}-${process.arch}`;
const binary = `${platform}/kernels-cpu.node`;
const prebuilt = join(packageFolder, "prebuilds", binary);
const built = join(packageFolder, "build", binary);
const manifestPath = join(packageFolder, "prebuilds", "manifest.json");

const asked = process.argv.includes("--prebuild") || process.argv.includes("--require");
if (!asked && prebuildMatches()) {
  rmSync(built, { force: true }); // of other sources, and preferred by the loader
  console.log("[native] the prebuilt addon was made from these sources");
  process.exit(0);
}

const compiler = findCompiler();
if (process.platform !== "linux" || compiler === undefined) {
  const why = compiler === undefined ? "no C++ compiler" : `no build for ${process.platform}`;
  const what = existsSync(prebuilt)
    ? "the prebuilt addon stays in use"
    : "the native backend will report that it is absent";
  console.log(`[native] ${why}: ${what}`);
  process.exit(process.argv.includes("--require") ? 1 : 0);
}

const start = Date.now();
const folder = join(packageFolder, "build", "objects");
const include = [require("node-api-headers").include_dir];
const objects = await compileNative({ compiler, folder, include, flags: ["-DNAPI_VERSION=8"] });
checkSeparation(objects);
if (!existsSync(built) || objects.some((object) => statSync(object).mtimeMs >= statSync(built).mtimeMs)) {
  mkdirSync(join(built, ".."), { recursive: true });
  // nodelete: pool threads run code of the addon after the worker thread that loaded it has ended. Only the C library is
  // linked, so that the addon does not depend on the version of libstdc++.
  const flags = ["-shared", "-s", "-nodefaultlibs", "-Wl,-z,nodelete", "-Wl,-z,noexecstack", "-Wl,--build-id=none"];
  execFileSync(compiler, [...flags, ...objects, "-lm", "-lpthread", "-lc", "-lgcc", "-o", `${built}.new`], {
    stdio: "inherit",
  });
  renameSync(`${built}.new`, built);
}
console.log(`[native] ${compiler}: ${statSync(built).size} bytes in ${Date.now() - start} ms`);

if (process.argv.includes("--prebuild")) {
  mkdirSync(join(prebuilt, ".."), { recursive: true });
  copyFileSync(built, prebuilt);
  const manifest = existsSync(manifestPath) ? JSON.parse(readFileSync(manifestPath, "utf8")) : {};
  const version = execFileSync(compiler, ["--version"], { encoding: "utf8" }).split("\n", 1)[0];
  const sha256 = createHash("sha256").update(readFileSync(prebuilt)).digest("hex");
  manifest[platform] = { sources: sourceHash(), binary: sha256, compiler: version };
  writeFileSync(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
  console.log(`[native] prebuild ${sha256.slice(0, 12)} written`);
}

/** Whether the committed binary is there, whole, and made from the present sources. */
function prebuildMatches() {
  if (!existsSync(prebuilt) || !existsSync(manifestPath)) return false;
  const entry = JSON.parse(readFileSync(manifestPath, "utf8"))[platform];
  const sha256 = createHash("sha256").update(readFileSync(prebuilt)).digest("hex");
  return entry?.sources === sourceHash() && entry.binary === sha256;
}

/**
 * The linker keeps one copy of a function that several objects define weakly. If that were one compiled for AVX-512, it
 * would run on machines without it; so objects of an instruction set may only define names of their own namespace.
 */
function checkSeparation(files) {
  for (const file of files) {
    const set = file.slice(folder.length + 1).split("/", 1)[0];
    if (set === "common") continue;
    const { stdout, status } = spawnSync("nm", ["--defined-only", file], { encoding: "utf8" });
    if (status !== 0) return; // no nm here: the machine that makes the prebuild has it
    const mangled = `6kvfold${set.length}${set}`;
    const foreign = stdout.split("\n").filter((line) => / [WVuT] /.test(line) && !line.includes(mangled));
    if (foreign.length > 0) throw new Error(`${file} defines names outside its namespace:\n${foreign.join("\n")}`);
  }
}
