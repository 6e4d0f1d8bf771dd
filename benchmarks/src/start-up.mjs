import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { spread } from "./spread.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * `npm run demo` as a whole, in milliseconds, builds in place. The first run is not counted: it builds what is not built,
 * so everything measured after it is the present sources.
 */
export function demoTime() {
  const run = () => milliseconds("npm", ["run", "demo"]);
  run();
  return spread([run(), run(), run()]);
}

/** `kvfold --help` as a whole process, in milliseconds. */
export function helpTime() {
  const run = () => milliseconds(process.execPath, ["packages/cli/dist/bin.js", "--help"]);
  return spread(Array.from({ length: 7 }, run));
}

function milliseconds(command, args) {
  const start = performance.now();
  const { status, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status !== 0) throw new Error(`${[command, ...args].join(" ")} ended with ${status}:\n${stderr}`);
  return performance.now() - start;
}
