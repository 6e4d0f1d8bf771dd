import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addonPath } from "./addon-path.js";
import { loadKernels } from "./load-kernels.js";
import type { InstructionSet } from "./native-addon.js";
import { probeAddon } from "./probe-addon.js";

const path = addonPath();
if (path === undefined) throw new Error("no addon: npm run build:native");

describe("loadKernels", () => {
  const before = loadKernels();
  if (!before.available) throw new Error(before.reason);
  afterAll(() => {
    loadKernels({ threads: before.threads, instructionSet: before.instructionSet });
  });

  it("uses the best instruction set and all physical cores", () => {
    expect(before.instructionSet).toBe(before.supported.at(-1));
    expect(before.threads).toBe(before.addon.describe().cores);
  });

  it("forces every instruction set that the machine runs", () => {
    for (const instructionSet of before.supported) {
      expect(loadKernels({ instructionSet })).toMatchObject({ available: true, instructionSet });
    }
  });

  it("rejects settings that the machine does not have and says what it has", () => {
    expect(() => loadKernels({ instructionSet: "sse9" as InstructionSet })).toThrow(/"sse9"; it runs: scalar/);
    expect(() => loadKernels({ threads: 0 })).toThrow(/from 1 to 256, got 0; this process may run on \d+ cores/);
    expect(() => loadKernels({ threads: 1.5 })).toThrow("got 1.5");
    expect(() => loadKernels({ activations: "int4" as "int8" })).toThrow("choose one of: float32, int16, int8");
    expect(() => loadKernels({ matmulPrecision: "f8" as "bf16" })).toThrow("choose one of: float32, bf16");
  });

  it("works in several worker threads at once and after they have ended", async () => {
    const script = `
      const { workerData, parentPort } = require("node:worker_threads");
      const addon = { exports: {} };
      process.dlopen(addon, workerData);
      const out = new Float32Array(64 * 64);
      for (let i = 0; i < 200; i++) {
        addon.exports.matmulF32(new Float32Array(64 * 64).fill(1), new Float32Array(64 * 64).fill(2), out, 1, 64, 64, 64, false, false, 0, 0);
      }
      parentPort.postMessage(out.every((value) => value === 128));`;
    const answers = await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise((resolve, reject) => {
            const worker = new Worker(script, { eval: true, workerData: path });
            worker.once("message", resolve);
            worker.once("error", reject);
          }),
      ),
    );
    expect(answers).toEqual([true, true, true]);
    expect(loadKernels()).toMatchObject({ available: true });
  });
});

describe("probeAddon", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "kvfold-addon-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("accepts the addon", () => {
    expect(probeAddon(path)).toBeUndefined();
  });

  it("refuses damaged and foreign binaries in a child process, with a reason", () => {
    const good = readFileSync(path);
    const cases = {
      "text.node": Buffer.from("not a binary"),
      "half.node": good.subarray(0, good.length / 2),
      // Another architecture in the ELF header: 0xb7 is arm64, 0x3e x86-64.
      "foreign.node": Buffer.concat([
        good.subarray(0, 18),
        Buffer.from([good[18] === 0x3e ? 0xb7 : 0x3e]),
        good.subarray(19),
      ]),
      // The code is gone, so that the first call runs into nothing.
      "crashing.node": Buffer.concat([good.subarray(0, 0x4000), Buffer.alloc(good.length - 0x4000)]),
    };
    for (const [name, content] of Object.entries(cases)) {
      const file = join(folder, name);
      writeFileSync(file, content);
      expect(probeAddon(file), name).toMatch(/^the addon .* does not work here: ./);
    }
  });
});

describe("the addon's binary", () => {
  it("needs only the C library, of a version that is everywhere", () => {
    const versions = [...new Set(readFileSync(path, "latin1").match(/\bGLIBC(?:XX)?_[\d.]+/g) ?? [])];
    const newer = versions.filter((name) => {
      const [, kind, number] = /^(GLIBC|GLIBCXX)_(.*)$/.exec(name) ?? [];
      const [major = 0, minor = 0, patch = 0] = (number ?? "").split(".").map(Number);
      return kind === "GLIBC" ? major > 2 || minor > 31 : major > 3 || minor > 4 || patch > 28;
    });
    expect(versions.length).toBeGreaterThan(0);
    expect(newer).toEqual([]);
  });

  it("has no install script in its package", () => {
    const { scripts } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
  });
});

describe("a process that only asks what is there", () => {
  it("ends by itself while the pool's threads sleep", () => {
    const script = `const a = { exports: {} }; process.dlopen(a, ${JSON.stringify(path)}); a.exports.setThreads(4); console.log("done");`;
    expect(execFileSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 20_000 })).toBe("done\n");
  });
});
