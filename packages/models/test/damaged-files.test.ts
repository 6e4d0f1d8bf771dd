import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { goldensPath, repositoryRoot } from "@kvfold/core/testing";
import { describe, expect, it } from "vitest";

const CASES = 1500;

describe("damaged files", () => {
  // The same run as `npm run test:fuzz`, with fewer files: a process of its own, so that a hang or a full heap is seen.
  it.skipIf(goldensPath("hf/models") === undefined)(
    `${CASES} of them give clear errors or correct loads, within 2 s and 500 MB`,
    () => {
      const script = join(repositoryRoot(), "scripts", "fuzz.mjs");
      const args = [script, "--cases", String(CASES), "--seed", "20261124", "--json"];
      const result = JSON.parse(run(args)) as Record<string, number> & {
        bad: unknown[];
        places: Record<string, number>;
      };
      expect(result.bad).toEqual([]);
      expect(result).toMatchObject({ cases: CASES, crashes: 0, hangs: 0, overMemory: 0 });
      expect((result.errors as number) + (result.loaded as number)).toBe(CASES);
      // Most damage is where it hurts, and some files survive it: their data was hit, or a number that may be another.
      const { header = 0, "length or offset": lengths = 0 } = result.places;
      expect(header + lengths).toBeGreaterThan(CASES / 2);
      expect(result.loaded).toBeGreaterThan(CASES / 20);
      expect(result.errors).toBeGreaterThan(CASES / 2);
    },
    120_000,
  );
});

/** The script's output; it ends with code 1 when a file misbehaves, and says which. */
function run(args: string[]): string {
  try {
    return execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    if (stdout?.startsWith("{")) return stdout;
    throw new Error(`the fuzz script failed: ${stderr}`, { cause: error });
  }
}
