// Runs the C++ compiler over many sources at once.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { commonFlags, instructionSets, nativeFolder, nativeSources } from "./native-sources.mjs";

const scripts = [fileURLToPath(import.meta.url), fileURLToPath(new URL("native-sources.mjs", import.meta.url))];

/** The machine's C++ compiler, or undefined. */
export function findCompiler() {
  return [process.env.CXX, "c++", "g++", "clang++"]
    .filter(Boolean)
    .find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0);
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${command} failed on ${args.at(-1)}`))));
  });
}

/** True when `object` is newer than everything it was made from, these scripts included. */
function upToDate(object) {
  try {
    const made = statSync(object).mtimeMs;
    const rule = readFileSync(`${object}.d`, "utf8").replaceAll("\\\n", " ");
    const sources = rule
      .slice(rule.indexOf(":") + 1)
      .split(/\s+/)
      .filter(Boolean);
    return [...sources, ...scripts].every((name) => statSync(name).mtimeMs < made);
  } catch {
    return false; // not compiled yet, or a header is gone
  }
}

/**
 * Compiles every source of the addon, the kernels once for each instruction set, and gives the object files.
 *
 * @param {{ compiler: string, folder: string, include: string[], flags?: string[], without?: (source: string) => boolean,
 * arch?: string }} options where the objects go, extra flags, which sources to leave out, and the processor to compile for
 */
export async function compileNative({
  compiler,
  folder,
  include,
  flags = [],
  without = () => false,
  arch = process.arch,
}) {
  const { kernels, common } = nativeSources();
  const jobs = common
    .filter((source) => !without(source))
    .map((source) => ({ source, object: objectOf(join(folder, "common"), source), flags }));
  for (const [set, own] of Object.entries(instructionSets[arch] ?? { scalar: [] })) {
    for (const source of kernels) {
      const object = objectOf(join(folder, set), source);
      jobs.push({ source, object, flags: [...flags, ...own, `-DKVFOLD_ISA=${set}`] });
    }
  }
  return compileJobs(compiler, include, jobs);
}

/** Compiles some sources and gives the object files. */
export function compileSources({ compiler, folder, include, flags, sources }) {
  const jobs = sources.map((source) => ({ source, object: objectOf(folder, source), flags }));
  return compileJobs(compiler, include, jobs);
}

function objectOf(folder, source) {
  return join(folder, `${relative(nativeFolder, source).replaceAll("/", "-")}.o`);
}

async function compileJobs(compiler, include, jobs) {
  const queue = jobs.filter(({ object }) => !upToDate(object));
  const includes = include.flatMap((path) => ["-isystem", path]);
  const worker = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const { source, object, flags } = job;
      mkdirSync(dirname(object), { recursive: true });
      const depends = ["-MMD", "-MF", `${object}.d`];
      await run(compiler, [...commonFlags, ...flags, ...includes, ...depends, "-o", object, "-c", source]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return jobs.map(({ object }) => object);
}
