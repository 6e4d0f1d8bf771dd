import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Path of the addon for this machine: a local build (`npm run build:native`) before the committed prebuild; undefined
 * when there is neither. Local builds exist only in a clone and are remade when their sources change.
 */
export function addonPath(platform = `${process.platform}-${process.arch}`): string | undefined {
  // src and dist both lie one folder below the package.
  return ["build", "prebuilds"]
    .map((folder) => fileURLToPath(new URL(`../${folder}/${platform}/kernels-cpu.node`, import.meta.url)))
    .find((path) => existsSync(path));
}
