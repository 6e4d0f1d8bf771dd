#!/usr/bin/env node
// Packs every published package and checks the tarballs: publint (manifest, files) and attw (types in ESM and CommonJS).
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, shell } from "./pnpm.mjs";
import { pack, publicPackages } from "./workspace.mjs";

/**
 * @param {{ folder: string, manifest: any }} pkg
 * @param {string} tarball
 * @returns {boolean} true when nothing is wrong; prints what is
 */
export function checkTarball({ folder, manifest }, tarball) {
  const readme = existsSync(join(folder, "README.md"));
  if (!readme) console.log(`${manifest.name} has no README.md`);
  const lint = tool("publint", ["run", tarball, "--strict"]);
  // Old TypeScript resolution (node10) cannot see subpaths, so it is not asked for; a package of data has no types.
  const types = manifest.types === undefined || tool("attw", [tarball, "--profile", "node16", "--no-definitely-typed"]);
  const ok = readme && lint && types;
  console.log(`${ok ? "ok    " : "FAILED"}  ${manifest.name}`);
  return ok;
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
    const results = publicPackages().map((pkg) => checkTarball(pkg, pack(pkg.folder, folder)));
    process.exitCode = results.every(Boolean) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
