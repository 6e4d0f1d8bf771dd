// The packages of the workspace that are published.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { environment, root, shell } from "./pnpm.mjs";

const env = environment();

/** @returns {{ name: string, folder: string, manifest: any }[]} */
export function publicPackages() {
  return readdirSync(join(root, "packages"))
    .map((name) => join(root, "packages", name))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({ name: manifest.name, folder, manifest }));
}

/** Packs a package as `pnpm publish` would, with `publishConfig` applied; returns the path of the tarball. */
export function pack(folder, destination) {
  mkdirSync(destination, { recursive: true });
  const { stdout, stderr, status } = spawnSync("pnpm", ["pack", "--json", "--pack-destination", destination], {
    cwd: folder,
    encoding: "utf8",
    env,
    shell,
  });
  if (status !== 0) throw new Error(`pnpm pack failed in ${folder}:\n${stdout}${stderr}`);
  return JSON.parse(stdout).filename;
}
