// The programs for a GPU, bundled as they travel, on the emulated driver: shapes are tiny, figures mean nothing.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "@kvfold/core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const cuda = join(repositoryRoot(), "packages/kernels-cuda");
const emulator = join(cuda, "build/emulated-driver.node");
spawnSync(process.execPath, [join(cuda, "scripts/build-emulator.mjs")]);

describe.skipIf(!existsSync(emulator))("programs for a GPU", () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "kvfold-gpu-programs-"));
    mkdirSync(join(folder, "lib"));
    // found by their names, as the driver is
    for (const name of ["libcuda.so.1", "libcublasLt.so.13"]) symlinkSync(emulator, join(folder, "lib", name));
    for (const name of ["cubin", "prebuilds", "package.json"]) symlinkSync(join(cuda, name), join(folder, name));
    const { bundlePrograms } = (await import(new URL("./bundle.mjs", import.meta.url).href)) as {
      bundlePrograms(folder: string): Promise<void>;
    };
    await bundlePrograms(join(folder, "dist"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Results of a program of one kind. */
  function run(kind: string, program: string, ...args: string[]): Record<string, unknown>[] {
    const small = ["--shape", "tiny", "--side", "64", "--numbers", "65536", ...args];
    const env = { ...process.env, LD_LIBRARY_PATH: join(folder, "lib") };
    const command = [join(folder, "dist", `${program}.mjs`), ...small];
    const { stdout, stderr, status } = spawnSync(process.execPath, command, { encoding: "utf8", env });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line)).filter((result) => result.kind === kind);
  }

  it("decode a random Llama at the largest batch, and at the one that is given", () => {
    const sizes = ["--prompt", "20", "--generated", "12", "--steps", "1"];
    const rows = run("7b", "llama-7b", ...sizes, "--ratios", "1,4", "--batch", "3", "--limit", "8e8");
    expect(rows).toMatchObject([
      { cr: 1, batch: 3, limit: 8e8, depths: [{ depth: 20 }, { depth: 24 }, { depth: 28 }, { depth: 32 }] },
      { cr: 4, batch: 3 },
    ]);
    for (const row of rows) {
      expect(row.tokensPerSecond).toBeGreaterThan(0);
      expect(row.boundTokensPerSecond).toBeGreaterThan(row.tokensPerSecond as number);
    }
    const bytes = (row: Record<string, unknown> = {}) =>
      (row.depths as { entryBytes: number }[]).map(({ entryBytes }) => entryBytes);
    // 4 steps on top of the depth; 3 sequences, 2 layers of 2 heads of 32 channels, keys and values in bfloat16
    expect(bytes(rows[0])).toEqual([24, 28, 32, 36].map((tokens) => tokens * 3 * 2 * 2 * 32 * 2 * 2));
    const [full = 0, merged = 1] = [bytes(rows[0])[3], bytes(rows[1])[3]];
    expect(full / merged).toBeGreaterThan(2.5);
    const [planned] = run("7b", "llama-7b", "--prompt", "300", ...sizes.slice(2), "--ratios", "1", "--limit", "11e6");
    expect(planned?.batch).toBeGreaterThan(4);
    expect(planned?.peakBytes).toBeLessThan(11e6);
    expect(planned?.peakBytes).toBeGreaterThan(5e6);
  });

  it("train a Llama", () => {
    const [training] = run("training", "train-135m", "--rows", "1", "--length", "16", "--steps", "1");
    expect(training).toMatchObject({ rows: 1, length: 16 });
    expect(training?.tokensPerSecond).toBeGreaterThan(0);
    const [first, last] = (training?.losses ?? []) as number[];
    expect(last).toBeLessThan(first as number);
  });
});
