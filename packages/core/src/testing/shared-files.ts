import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root: the nearest folder above this file that holds the workspace definition. */
export function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "pnpm-workspace.yaml"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("repositoryRoot: not inside a kvfold clone");
    folder = parent;
  }
  return folder;
}

/**
 * Path of a large file or folder that is not part of the repository (models, texts), or undefined when it is absent.
 * Looked up under `KVFOLD_SHARED`, by default the folder `shared` beside the clone.
 */
export function sharedPath(relative: string): string | undefined {
  const base = process.env.KVFOLD_SHARED ?? join(repositoryRoot(), "..", "shared");
  const path = resolve(repositoryRoot(), base, relative);
  return existsSync(path) ? path : undefined;
}

/** One printed line that says why a test was skipped, for `it.skipIf`. */
export function skipReason(relative: string): string {
  return `needs ${relative} (not in the repository; set KVFOLD_SHARED to the folder that has it)`;
}

/**
 * Path of a folder of reference results: `KVFOLD_GOLDENS` when set (another set of the same layout), else the committed
 * `testdata/goldens`; undefined when that set has no such folder.
 */
export function goldensPath(relative: string): string | undefined {
  const base = process.env.KVFOLD_GOLDENS ?? join(repositoryRoot(), "testdata", "goldens");
  const path = resolve(repositoryRoot(), base, relative);
  return existsSync(path) ? path : undefined;
}
