import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { declaredKernels } from "./engine/device-kernel.js";
import type { FatbinManifest } from "./engine/kernel-images.js";
import { packageFile } from "./package-file.js";
import "./index.js";

interface Sources {
  addonHash(): string;
  kernelSources(): string[];
  fatbinName(source: string): string;
  kernelHash(source: string): string;
}

const sources = (await import(new URL("../scripts/sources.mjs", import.meta.url).href)) as Sources;
const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

it("the committed addon is whole and was made from the committed sources", () => {
  const manifest = JSON.parse(readFileSync(packageFile("prebuilds/manifest.json"), "utf8"));
  // When this fails: npm run native:prebuild
  expect(manifest["linux-x64"]).toMatchObject({
    sources: sources.addonHash(),
    binary: sha256(packageFile("prebuilds/linux-x64/kernels-cuda.node")),
  });
});

/** Kernels that may take more than 128 registers, and why. */
const reasons: readonly [RegExp, string][] = [
  [/^kvfold_decode_attention_/, "shared memory bounds the warps of a multiprocessor to 4 to 16"],
  [
    /^kvfold_(gemm|prefill|column)_/,
    "tiles of sums stay in registers; one or two blocks of a multiprocessor are meant",
  ],
];

const path = packageFile("cubin/manifest.json");
describe.skipIf(!existsSync(path))("the committed fatbins", () => {
  const { fatbins, minimumDriver, toolkit } = JSON.parse(
    existsSync(path) ? readFileSync(path, "utf8") : '{"fatbins":{}}',
  ) as FatbinManifest;
  const all = Object.entries(fatbins);

  it("are whole and were made from the committed sources", () => {
    const wanted = sources.kernelSources().map((source) => [sources.fatbinName(source), sources.kernelHash(source)]);
    // When this fails: npm run kernels:prebuild
    expect(Object.fromEntries(all.map(([name, one]) => [name, one.sources]))).toEqual(Object.fromEntries(wanted));
    for (const [name, { fatbin }] of all) expect(sha256(packageFile(`cubin/${name}.fatbin`)), name).toBe(fatbin);
  });

  it("take at most 20 MB, and drivers of their toolkit's version", () => {
    const bytes = all.reduce((sum, [name]) => sum + readFileSync(packageFile(`cubin/${name}.fatbin`)).length, 0);
    expect(bytes).toBeLessThan(20e6);
    expect(minimumDriver).toBe(1000 * Number.parseInt(toolkit, 10));
  });

  it("have every kernel that is called", () => {
    const kernels = new Set(all.flatMap(([, { kernels }]) => Object.keys(kernels)));
    expect([...declaredKernels.keys()].filter((name) => !kernels.has(name))).toEqual([]);
  });

  it("spill nothing, and leave room for several blocks", () => {
    const bad = all
      .flatMap(([, { kernels }]) => Object.entries(kernels))
      .filter(([name, { registers, spilledBytes }]) => {
        return spilledBytes > 0 || (registers > 128 && !reasons.some(([pattern]) => pattern.test(name)));
      });
    expect(bad).toEqual([]);
  });
});
