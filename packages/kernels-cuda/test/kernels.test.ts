import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/** Where there is a C++ compiler, the kernels' own sources run on the CPU against plain loops. */
it("runs the kernels on the emulator as their references say", { timeout: 900_000 }, ({ skip }) => {
  const script = fileURLToPath(new URL("../scripts/test-kernels.mjs", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
  if (stdout.includes("no C++ compiler")) return skip("no C++ compiler");
  expect(stdout, stderr).toMatch(/[1-9]\d* checks, 0 failed/);
  expect(status).toBe(0);
});
