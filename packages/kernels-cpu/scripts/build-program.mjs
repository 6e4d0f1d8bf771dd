// Builds a C++ program of native/test or native/bench from the addon's sources, without Node-API.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { compileNative, compileSources, findCompiler } from "./compile.mjs";
import { nativeFolder, packageFolder } from "./native-sources.mjs";

/**
 * @param {"test" | "bench"} name folder under native
 * @param {{ variant?: string, flags?: string[], compiler?: string, arch?: string }} options flags such as those of a
 * sanitizer, and a name for them; a cross compiler and what it compiles for
 * @returns the program's path
 */
export async function buildProgram(name, { variant = "plain", flags = [], compiler = findCompiler(), arch } = {}) {
  if (compiler === undefined) throw new Error(`${name}: there is no C++ compiler (c++, g++ or clang++)`);
  const folder = join(packageFolder, "build", "programs", variant);
  const usesNodeApi = (source) => /\/entries\/|\/addon\.cc$|\/napi-args\.cc$/.test(source);
  const objects = await compileNative({ compiler, folder, include: [], flags, without: usesNodeApi, arch });
  const sources = readdirSync(join(nativeFolder, name))
    .filter((file) => file.endsWith(".cc"))
    .map((file) => join(nativeFolder, name, file));
  objects.push(...(await compileSources({ compiler, folder: join(folder, name), include: [], flags, sources })));
  const program = join(folder, `${name}-program`);
  mkdirSync(folder, { recursive: true });
  execFileSync(compiler, [...flags, ...objects, "-lm", "-lpthread", "-o", program], { stdio: "inherit" });
  return program;
}
