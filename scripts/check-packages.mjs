#!/usr/bin/env node
// Packs every published package and checks the tarballs: publint (manifest, files) and attw (types in ESM and CommonJS).
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, shell } from "./pnpm.mjs";
import { pack, publicPackages } from "./workspace.mjs";

/**
 * @param {string} tarball
 * @param {any} manifest
 * @returns {boolean} true when nothing is wrong; prints what is
 */
export function checkTarball(tarball, manifest) {
  const lint = tool("publint", ["run", tarball, "--strict"]);
  // Old TypeScript resolution (node10) cannot see subpaths, so it is not asked for; a package of data has no types.
  const types = manifest.types === undefined || tool("attw", [tarball, "--profile", "node16", "--no-definitely-typed"]);
  console.log(`${lint && types ? "ok    " : "FAILED"}  ${manifest.name}`);
  return lint && types;
}

function tool(name, args) {
  const bin = join(root, "node_modules", ".bin", name);
  const { stdout, stderr, status } = spawnSync(bin, args, { encoding: "utf8", shell });
  if (status !== 0) console.log(stdout + stderr);
  return status === 0;
}

if (process.argv[1] === import.meta.filename) {
  const folder = mkdtempSync(join(tmpdir(), "kvfold-packages-"));
  try {
    const results = publicPackages().map((pkg) => checkTarball(pack(pkg.folder, folder), pkg.manifest));
    process.exitCode = results.every(Boolean) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
