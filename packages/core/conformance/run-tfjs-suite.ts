import { fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { classifyFailures, type IgnoreRule, type SuiteOutcome } from "./classify-failures.js";
import type { ChildMessage, ChildReport, ChildTask } from "./suite-child.js";

const require = createRequire(import.meta.url);

/** What to run TensorFlow.js's own test suite against. */
export interface TfjsSuiteOptions {
  /** Name under which the backend registers itself with TensorFlow.js. */
  readonly backend: string;
  /**
   * Absolute paths of the modules that register it, imported in this order before the suite. A `.ts` module is bundled
   * first, with its own copy of what it imports; the registries of TensorFlow.js are shared by all copies.
   */
  readonly setupModules: readonly string[];
  /** Known failures. A rule that explains no failure is stale and has to go. Default none. */
  readonly ignore?: readonly IgnoreRule[];
  /** The child process is ended after this many milliseconds. Default 300,000. */
  readonly timeoutMs?: number;
}

/**
 * Runs the test suite that `@tensorflow/tfjs-core` ships (4,232 specs at 4.22.0) against a backend, in a child process,
 * for the suite resets TensorFlow.js's global engine and a native backend may crash.
 *
 * The suite is written for bundlers, so it is bundled first; engine and registries hang on `globalThis`, so the bundle's
 * copy of tfjs-core and the backend's share them. Every spec runs; the ignore list is applied to the failures.
 *
 * @throws Error when the child dies or hangs, naming the spec that was running
 */
export async function runTfjsSuite(options: TfjsSuiteOptions): Promise<SuiteOutcome> {
  const { backend, setupModules, ignore = [], timeoutMs = 300_000 } = options;
  const folder = await mkdtemp(join(tmpdir(), "kvfold-tfjs-suite-"));
  try {
    const script = join(folder, "suite.cjs");
    await bundle(fileURLToPath(new URL("suite-child.ts", import.meta.url)), script);
    const setup = setupModules.map(async (module, i) => {
      if (!module.endsWith(".ts")) return module;
      const bundled = join(folder, `setup-${i}.cjs`);
      await bundle(module, bundled);
      return bundled;
    });
    const task = { backend, setupModules: await Promise.all(setup), jasmine: require.resolve("jasmine-core") };
    const report = await runChild(script, task, timeoutMs);
    return classifyFailures(report, ignore);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bundle(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    mainFields: ["module", "main"],
    // tfjs-core calls its modules free of side effects, which drops every spec.
    ignoreAnnotations: true,
    alias: { "jasmine-core/lib/jasmine-core/jasmine.js": require.resolve("jasmine-core/lib/jasmine-core/jasmine.js") },
    logLevel: "error",
  });
}

function runChild(script: string, task: ChildTask, timeoutMs: number): Promise<ChildReport> {
  return new Promise((resolve, reject) => {
    const child = fork(script, { stdio: ["ignore", "pipe", "pipe", "ipc"], timeout: timeoutMs });
    let running = "the setup modules";
    let output = "";
    let report: ChildReport | undefined;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => {
        output = (output + String(chunk)).slice(-4000);
      });
    }
    child.on("message", (message: ChildMessage) => {
      if ("started" in message) running = `"${message.started}"`;
      else report = message.report;
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (report !== undefined) return resolve(report);
      const end = signal === null ? `ended with code ${code}` : `was ended by ${signal} (limit ${timeoutMs} ms)`;
      reject(new Error(`The suite on backend "${task.backend}" ${end} while running ${running}.\n${output}`));
    });
    child.send(task);
  });
}
