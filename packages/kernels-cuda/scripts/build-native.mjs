// Builds the addon with the machine's C++ compiler into build/, which git ignores, unless the committed prebuild was made
// from the present sources. No node-gyp, no toolkit, no download: the Node-API headers come from npm. Without a compiler the
// committed prebuild stays in use, and this says so (exit 0).
//   --prebuild   also replaces the committed prebuild and its manifest
//   --require    fails when nothing could be built
import { execFileSync } from "node:child_process";
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
import { compileSources, findCompiler, newerThan } from "./compile.mjs";
import { addonFlags, addonHash, packageFolder, sourcesIn } from "./sources.mjs";

const require = createRequire(import.meta.url);
const platform = `${process.platform}-${process.arch}`;
const binary = `${platform}/kernels-cuda.node`;
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
    : "the cuda backend will report that it is absent";
  console.log(`[native] ${why}: ${what}`);
  process.exit(process.argv.includes("--require") ? 1 : 0);
}

const start = Date.now();
const include = require("node-api-headers").include_dir;
const { objects } = await compileSources({
  compiler,
  folder: join(packageFolder, "build", "objects"),
  flags: [...addonFlags, "-DNAPI_VERSION=8", "-isystem", include],
  sources: sourcesIn("addon", /\.cc$/),
});
if (!newerThan(built, objects)) {
  mkdirSync(join(built, ".."), { recursive: true });
  // Only the C library is linked, so that the addon does not depend on the version of libstdc++.
  const flags = ["-shared", "-s", "-nodefaultlibs", "-Wl,-z,nodelete", "-Wl,-z,noexecstack", "-Wl,--build-id=none"];
  execFileSync(compiler, [...flags, ...objects, "-ldl", "-lpthread", "-lc", "-lgcc", "-o", `${built}.new`], {
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
  manifest[platform] = { sources: addonHash(), binary: sha256, compiler: version };
  writeFileSync(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
  console.log(`[native] prebuild ${sha256.slice(0, 12)} written`);
}

/** Whether the committed binary is there, whole, and made from the present sources. */
function prebuildMatches() {
  if (!existsSync(prebuilt) || !existsSync(manifestPath)) return false;
  const entry = JSON.parse(readFileSync(manifestPath, "utf8"))[platform];
  const sha256 = createHash("sha256").update(readFileSync(prebuilt)).digest("hex");
  return entry?.sources === addonHash() && entry.binary === sha256;
}
