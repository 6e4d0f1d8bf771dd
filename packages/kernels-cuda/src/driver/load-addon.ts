import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { packageFile } from "../package-file.js";
import type { CudaAddon } from "./cuda-addon.js";

/** Runs in the child: loads the addon, opens the driver and looks at every device. */
const script = `
const [path, driver] = process.argv.slice(1);
const addon = { exports: {} };
process.dlopen(addon, path);
const { devices = 0 } = addon.exports.openDriver(driver);
for (let i = 0; i < devices; i++) addon.exports.describeDevice(driver, i);
process.stdout.write("works");
`;

let loaded: CudaAddon | undefined;
/** Answers of this process, by driver. */
const answers = new Map<string, string | undefined>();

/** Path of the addon for this machine: a local build (`npm run build:native`) before the committed prebuild. */
function addonPath(platform = `${process.platform}-${process.arch}`): string | undefined {
  return ["build", "prebuilds"]
    .map((folder) => packageFile(`${folder}/${platform}/kernels-cuda.node`))
    .find((path) => existsSync(path));
}

/**
 * Loads the addon, after a trial with this driver in a child process, where a library that is broken can only end the child.
 * The trial takes about 0.1 s on a machine without a GPU and 0.5 s on one with; its answer is kept.
 *
 * @returns the addon, or why it cannot be used as the end of a sentence
 */
export function loadAddon(driverPath: string): CudaAddon | { readonly reason: string } {
  const path = addonPath();
  if (path === undefined) {
    const platform = `${process.platform}-${process.arch}`;
    return { reason: `no addon for ${platform}: build it with a C++ compiler (npm run build:native)` };
  }
  if (!answers.has(driverPath)) answers.set(driverPath, tryInChild(path, driverPath));
  const reason = answers.get(driverPath);
  if (reason !== undefined) return { reason };
  if (loaded === undefined) {
    const module = { exports: {} as CudaAddon };
    process.dlopen(module, path);
    loaded = module.exports;
  }
  return loaded;
}

function tryInChild(path: string, driverPath: string): string | undefined {
  const { stdout, stderr, signal, error } = spawnSync(process.execPath, ["-e", script, path, driverPath], {
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", NODE_OPTIONS: "" },
  });
  if (stdout === "works") return undefined;
  const cause = stderr.split("\n").find((line) => /Error/.test(line)) ?? error?.message;
  return `the driver ${driverPath} does not work here: ${cause ?? `the trial ended with ${signal ?? "no answer"}`}`;
}
