import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const programs = [
  "contract",
  "laws",
  "goldens",
  "tfjs-suite",
  "use-cuda",
  "copy-ceiling",
  "cache-step",
  "llama-7b",
  "train-135m",
];
const sourceOf = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Writes every program with all that it imports, from today's sources, into a folder: nothing is installed there. */
export async function bundlePrograms(folder) {
  await build({
    entryPoints: programs.map((name) => sourceOf(`programs/${name}.mjs`)),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["@kvfold/source"],
    mainFields: ["module", "main"],
    // what is CommonJS asks for Node's modules by `require`
    banner: {
      js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
    },
    plugins: [{ name: "no-vitest", setup: leaveVitestOut }],
    logLevel: "error",
  });
}

/** The suite of TensorFlow.js, as the conformance harness bundles it. */
export async function bundleSuite(outfile, jasmine) {
  await build({
    entryPoints: [sourceOf("../../packages/core/conformance/suite-child.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    mainFields: ["module", "main"],
    ignoreAnnotations: true, // tfjs-core calls its modules free of side effects, which drops every spec
    alias: { "jasmine-core/lib/jasmine-core/jasmine.js": jasmine },
    logLevel: "error",
  });
}

/** The testing entries have functions for vitest beside those that the programs call; their import goes with them. */
function leaveVitestOut({ onResolve }) {
  onResolve({ filter: /^vitest$/ }, ({ path }) => ({ path, external: true, sideEffects: false }));
}
