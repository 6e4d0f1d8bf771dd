// Builds the emulated driver, with every kernel in it, into build/. Only tests load it. Without a compiler it says so (exit 0).
import { mkdirSync, renameSync, rmdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { compileSources, findCompiler, newerThan, run } from "./compile.mjs";
import { emulatorFlags, kernelSources, packageFolder, sourcesIn } from "./sources.mjs";

const require = createRequire(import.meta.url);
const target = join(packageFolder, "build", "emulated-driver.node");
const lock = join(packageFolder, "build", "emulator.lock");
const compiler = findCompiler();
if (process.platform !== "linux" || compiler === undefined) {
  console.log("[emulator] no C++ compiler for Linux here: the tests that need the emulated driver are skipped");
} else {
  await takeLock();
  try {
    const sources = [...sourcesIn("driver-emulator", /\.cc$/), ...sourcesIn("emulator", /\.cc$/), ...kernelSources()];
    const include = require("node-api-headers").include_dir;
    const flags = [...emulatorFlags, "-DNAPI_VERSION=8", "-isystem", include];
    const folder = join(packageFolder, "build", "emulator");
    const { objects } = await compileSources({ compiler, folder, flags, sources });
    if (!newerThan(target, objects)) {
      await run(compiler, ["-shared", "-Wl,-z,noexecstack", ...objects, "-lpthread", "-o", `${target}.new`]);
      renameSync(`${target}.new`, target);
    }
  } finally {
    rmdirSync(lock);
  }
}

/** Several test files may want the library at once. A lock that is ten minutes old is nobody's. */
async function takeLock() {
  mkdirSync(join(packageFolder, "build"), { recursive: true });
  for (;;) {
    try {
      return mkdirSync(lock);
    } catch {
      const made = statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
      if (made !== undefined && Date.now() - made > 600_000) rmdirSync(lock);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
