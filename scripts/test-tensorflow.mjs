#!/usr/bin/env node
// npm run test:tensorflow: proves the tensorflow backend against a real libtensorflow, taken from npm alone.
//
// tfjs-node's own install script downloads libtensorflow from a storage bucket. The npm package
// tfjs-node-lambda-releases@1.6.1 (195 MB, MIT) carries TensorFlow 1.15 for Linux x64 and a prebuilt N-API binding that
// tfjs-node 4.22.0 accepts. Both go into the git-ignored folder .tools/tensorflow; nothing is compiled.
import { spawnSync } from "node:child_process";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createBrotliDecompress, createGunzip } from "node:zlib";
import { tarFiles } from "./tar.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const home = join(root, ".tools", "tensorflow");
const tfjsNode = join(home, "node_modules", "@tensorflow", "tfjs-node");
const carrier = "tfjs-node-lambda-releases";
const carried = "package/nodejs12.x-tf2.7.0.br";

/** File inside the carried tree of tfjs-node 2.7.0 -> its place in tfjs-node 4.22.0. */
const wanted = new Map([
  ["deps/lib/libtensorflow.so.1.15.0", "deps/lib/libtensorflow.so.1.15.0"],
  ["deps/lib/libtensorflow_framework.so.1.15.0", "deps/lib/libtensorflow_framework.so.1.15.0"],
  ["lib/napi-v6/tfjs_binding.node", "lib/napi-v8/tfjs_binding.node"],
]);

if (process.platform !== "linux" || process.arch !== "x64") {
  console.log(
    `test:tensorflow: skipped, the libtensorflow on npm is for linux-x64 (this is ${process.platform}-${process.arch})`,
  );
  process.exit(0);
}
if (!existsSync(join(home, "ready"))) await install();
shareCopies();
process.exit(runTests());

async function install() {
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "package.json"), '{ "private": true }\n');
  npm("install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "@tensorflow/tfjs-node@4.22.0");
  const archive = join(home, `${carrier}-1.6.1.tgz`);
  if (!existsSync(archive)) npm("pack", "--loglevel=error", `${carrier}@1.6.1`);
  await unpack(archive);
  for (const library of ["libtensorflow", "libtensorflow_framework"]) {
    for (const link of [`${library}.so.1`, `${library}.so`]) {
      rmSync(join(tfjsNode, "deps", "lib", link), { force: true });
      symlinkSync(`${library}.so.1.15.0`, join(tfjsNode, "deps", "lib", link));
    }
  }
  rmSync(archive);
  writeFileSync(join(home, "ready"), "");
}

/** Writes the wanted files of the Brotli tar inside the gzip tar, streaming: 371 MB are never in memory. */
async function unpack(archive) {
  const missing = new Set(wanted.keys());
  for await (const outer of tarFiles(createReadStream(archive).pipe(createGunzip()))) {
    if (outer.name !== carried) continue;
    for await (const { name, body } of tarFiles(Readable.from(outer.body).pipe(createBrotliDecompress()))) {
      const inner = name.replace(/^(\.\/)?node_modules\/@tensorflow\/tfjs-node\//, "");
      if (!wanted.has(inner)) continue;
      const path = join(tfjsNode, wanted.get(inner));
      mkdirSync(dirname(path), { recursive: true });
      await pipeline(body, createWriteStream(path, { mode: 0o755 }));
      missing.delete(inner);
    }
  }
  if (missing.size > 0) throw new Error(`${carrier} lacks ${[...missing].join(", ")}`);
}

/** An ordinary install holds one copy of each; two would disagree on `instanceof` inside the cpu kernels. */
function shareCopies() {
  for (const name of ["tfjs-core", "tfjs-backend-cpu"]) {
    const copy = join(home, "node_modules", "@tensorflow", name);
    rmSync(copy, { recursive: true, force: true });
    symlinkSync(join(root, "packages", "core", "node_modules", "@tensorflow", name), copy);
  }
}

function npm(...args) {
  console.log(`$ npm ${args.join(" ")}`);
  const { status } = spawnSync("npm", args, { cwd: home, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

function runTests() {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: "2" };
  const args = [vitest, "run", "--mode", "tensorflow"];
  return spawnSync(process.execPath, args, { cwd: root, stdio: "inherit", env }).status ?? 1;
}
