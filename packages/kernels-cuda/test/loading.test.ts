import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { knownResults } from "../src/driver/driver-results.js";
import { openDriver } from "../src/driver/open-driver.js";
import { loadEmulator } from "./emulated-driver.js";

const emulator = loadEmulator();
const { findCompiler } = (await import(new URL("../scripts/compile.mjs", import.meta.url).href)) as {
  findCompiler(): string | undefined;
};
const compiler = findCompiler() ?? "";
const reasonOf = (path: string, minimum = 13_000) => (openDriver(minimum, path) as { reason?: string }).reason;

describe.skipIf(emulator === undefined)("loading the driver", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "kvfold-driver-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(() => emulator?.reset());

  /** A library made of some C; undefined where there is no compiler. */
  function library(name: string, source: string): string {
    const path = join(folder, `${name}.so`);
    writeFileSync(`${path}.c`, source);
    const { status, stderr } = spawnSync(compiler, ["-shared", "-fPIC", "-o", path, "-x", "c", `${path}.c`], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(stderr);
    return path;
  }

  it("says that there is no driver", () => {
    const reason = reasonOf("/nowhere/libcuda.so.1");
    expect(reason).toMatch(/^there is no NVIDIA driver \(.*cannot open shared object file.*\); install one$/);
  });

  it("says that a file is no library", () => {
    const path = join(folder, "text.so");
    writeFileSync(path, "text");
    expect(reasonOf(path)).toMatch(/^there is no NVIDIA driver \(.*(invalid ELF header|file too short).*\)/);
  });

  it("names the function that an old driver lacks", () => {
    const path = library("old", "int cuInit(unsigned f) { return 0; }");
    expect(reasonOf(path)).toBe(`the NVIDIA driver is too old: ${path} has no cuDriverGetVersion; install a newer one`);
  });

  it("survives a driver that ends the process", () => {
    const path = library("crash", "#include <stdlib.h>\n__attribute__((constructor)) void f(void) { abort(); }");
    expect(reasonOf(path)).toBe(`the driver ${path} does not work here: the trial ended with SIGABRT`);
  });

  it("checks the version that the kernels need", () => {
    emulator?.configure("version", 12_080);
    expect(reasonOf(emulator?.path ?? "")).toBe(
      "the NVIDIA driver is too old: it speaks CUDA 12.8 and the kernels need 13.0; install a newer one",
    );
  });

  it("says that there is no device", () => {
    emulator?.configure("devices", 0);
    expect(reasonOf(emulator?.path ?? "")).toMatch(/^cuInit failed with CUDA_ERROR_NO_DEVICE\. .*nvidia-smi/);
  });

  it.each(knownResults)("explains when the driver starts with result %i", (result) => {
    emulator?.configure("initResult", result);
    const reason = reasonOf(emulator?.path ?? "");
    expect(reason).toMatch(/^cuInit failed with CUDA_ERROR_[A-Z_]+\. [A-Z].*\.$/);
  });

  it("describes the devices", () => {
    emulator?.configure("devices", 2);
    const driver = openDriver(13_000, emulator?.path);
    expect(driver).toMatchObject({
      version: "13.0",
      devices: [
        { name: "Emulated GPU 0", uuid: "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f", major: 9, multiprocessors: 2 },
        { name: "Emulated GPU 1", uuid: "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f", minor: 0 },
      ],
    });
  });
});
