// Runs the C++ compiler over sources that changed.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { nativeFolder } from "./sources.mjs";

const scripts = ["compile.mjs", "sources.mjs"].map((name) => fileURLToPath(new URL(name, import.meta.url)));

/** The machine's C++ compiler, or undefined. */
export function findCompiler() {
  return [process.env.CXX, "c++", "g++", "clang++"]
    .filter(Boolean)
    .find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0);
}

/**
 * Compiles sources and gives the object files; those that are newer than everything they are made of stay.
 *
 * @param {{ compiler: string, folder: string, flags: string[], sources: string[] }} options
 */
export async function compileSources({ compiler, folder, flags, sources }) {
  const jobs = sources.map((source) => ({
    source,
    object: join(folder, `${relative(nativeFolder, source).replaceAll("/", "-")}.o`),
  }));
  const queue = jobs.filter(({ object }) => !upToDate(object));
  const worker = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const { source, object } = job;
      mkdirSync(dirname(object), { recursive: true });
      // CUDA sources are C++ to this compiler.
      await run(compiler, [...flags, "-MMD", "-MF", `${object}.d`, "-o", object, "-x", "c++", "-c", source]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return { objects: jobs.map(({ object }) => object) };
}

/** Runs a program; its output is this process's. */
export function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${command} failed on ${args.at(-1)}`))));
  });
}

/** True when `target` is newer than all of `sources`. */
export function newerThan(target, sources) {
  try {
    const made = statSync(target).mtimeMs;
    return sources.every((name) => statSync(name).mtimeMs < made);
  } catch {
    return false; // not made yet, or a source is gone
  }
}

function upToDate(object) {
  try {
    const rule = readFileSync(`${object}.d`, "utf8").replaceAll("\\\n", " ");
    const sources = rule.slice(rule.indexOf(":") + 1).split(/\s+/);
    return newerThan(object, [...sources.filter(Boolean), ...scripts]);
  } catch {
    return false;
  }
}
