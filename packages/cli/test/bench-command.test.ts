import { describe, expect, it } from "vitest";
import type { BenchRow } from "../src/bench/bench-row.js";
import { hasControlCharacters, kvfold, kvfoldJson, needNative } from "./run-kvfold.js";

const timeout = 120_000;
/** The same backend on every machine, whose bytes are those of the reference store. */
const portable = ["--backend", "wasm"];

describe("kvfold bench", { timeout }, () => {
  const small = ["--prompt", "8", "--gen", "4", "--repeat", "2"];

  it("measures every policy at every depth; what the cache holds is counted exactly", async () => {
    const specs = ["full", "window:recent=12"];
    const json = await kvfoldJson<Record<string, unknown> & { results: readonly BenchRow[] }>(
      "bench",
      "demo",
      ...small,
      "--depth",
      "40,0",
      ...specs.flatMap((spec) => ["--policy", spec]),
      ...portable,
    );
    expect(Object.keys(json)).toEqual([
      "model",
      "backend",
      "detail",
      "activations",
      "prompt",
      "gen",
      "repeat",
      "results",
    ]);
    expect(json).toMatchObject({ model: "demo", backend: "wasm", prompt: 8, gen: 4, repeat: 2 });
    expect(json.results.map(({ policy, depth }) => [depth, policy])).toEqual([
      [0, "full"],
      [0, "window:recent=12"],
      [40, "full"],
      [40, "window:recent=12"],
    ]);
    for (const row of json.results) {
      expect(Object.keys(row)).toEqual([
        "policy",
        "weights",
        "cache",
        "threads",
        "depth",
        "prefillTokensPerSecond",
        "decodeTokensPerSecond",
        "spread",
        "entries",
        "liveBytes",
        "compressionRatio",
      ]);
      expect(row).toMatchObject({ weights: "F32", cache: "f32", threads: 1 });
      expect(row.prefillTokensPerSecond).toBeGreaterThan(0);
      expect(row.decodeTokensPerSecond).toBeGreaterThan(0);
      expect(row.spread.prefill).toBeGreaterThanOrEqual(0);
      expect(row.spread.decode).toBeGreaterThanOrEqual(0);
    }
    const lanes = 4 * 8;
    expect(json.results.map(({ entries }) => entries)).toEqual([4, 4, 44, 16].map((tokens) => tokens * lanes));
    expect(json.results[2]).toMatchObject({ compressionRatio: 1, liveBytes: 44 * lanes * 2 * 32 * 4 });
  });

  it("shows a table, and dashes for what was not asked for", async () => {
    const args = ["bench", "demo", "--prompt", "8", "--gen", "0", "--repeat", "1", "--policy", "full", ...portable];
    const { code, stdout, stderr } = await kvfold(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^demo: backend wasm \(.*\), weights F32, float32 activations, cache f32$/m);
    expect(stdout).toMatch(/^full +0 +[\d,.]+ +0\.0 % +- +- +256 +1\.00 +64\.00 KiB$/m);
    expect(hasControlCharacters(stdout)).toBe(false);
  });

  it("says when the text is longer than the model knows, and when decisions are forced", async () => {
    const args = ["bench", "demo", "--prompt", "0", "--gen", "1", "--repeat", "1", "--depth", "1024"];
    const { code, stderr } = await kvfold([...args, "--policy", "dmc:force=4", ...portable]);
    expect(code).toBe(0);
    expect(stderr).toContain("1025 tokens are more than the context of 1024");
    expect(stderr).toContain("the text is meaningless");
  });

  it.each([
    [["--prompt", "0", "--gen", "0"], 2, "leave nothing to measure"],
    [["--depth", "0,-1"], 2, "It must be a whole number from 0 up"],
    [["--depth", ""], 2, "It must be a whole number from 0 up"],
    [["--repeat", "0"], 2, "It must be a whole number from 1 up"],
    [["--threads", "0"], 2, "It must be a whole number from 1 up"],
    [["--weights", "Q9"], 2, "Allowed choices are file, F32, BF16"],
    [["--threads", "2", ...portable], 1, 'The backend "wasm" cannot be set to 2 threads'],
    [
      ["--device", "1", ...portable],
      1,
      'The backend "wasm" cannot be set to device 1. Leave that out, or choose "cuda".',
    ],
    [["--weights", "Q8_0", ...portable], 1, "Packed weights need the native backend"],
    [["--cache", "int8", ...portable], 1, "npm install @kvfold/kernels-cpu"],
  ])("refuses %o", async (args, exit, message) => {
    const { code, stdout, stderr } = await kvfold(["bench", "demo", ...small, ...args]);
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
    expect(stderr).toContain(message);
  });

  it("sets threads, weights and storage on the backend native", async (context) => {
    await needNative(context);
    const { results } = await kvfoldJson<{ results: readonly BenchRow[] }>(
      "bench",
      "demo",
      ...small,
      ...["--threads", "1", "--weights", "Q8_0", "--cache", "bf16", "--backend", "native"],
    );
    expect(results[0]).toMatchObject({ policy: "full", weights: "Q8_0", cache: "bf16", threads: 1 });
  });
});
