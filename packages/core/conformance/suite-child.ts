// Runs in a child process, bundled: boots jasmine, loads the backend, then TensorFlow.js's specs; reports over IPC.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/** First message to the child. */
export interface ChildTask {
  readonly backend: string;
  readonly setupModules: readonly string[];
  /** Path of jasmine-core's entry. */
  readonly jasmine: string;
}

/** One failed spec with all of its failure messages. */
export interface FailedSpec {
  readonly name: string;
  readonly messages: readonly string[];
}

/** Last message of the child. */
export interface ChildReport {
  /** Specs of the suite for this backend. */
  readonly specs: number;
  /** Those of them that the suite itself switches off. */
  readonly pending: number;
  readonly failed: readonly FailedSpec[];
}

export type ChildMessage = { readonly started: string } | { readonly report: ChildReport };

interface JasmineResult {
  readonly fullName: string;
  readonly status: string;
  readonly failedExpectations: readonly { readonly message: string }[];
}

interface Jasmine {
  getEnv(): {
    configure(options: { random: boolean }): void;
    addReporter(reporter: {
      specStarted(result: JasmineResult): void;
      specDone(result: JasmineResult): void;
      suiteDone(result: JasmineResult): void;
    }): void;
    execute(): Promise<unknown>;
  };
}

process.once("message", (task: ChildTask) => {
  run(task).then(
    (report) => process.send?.({ report } satisfies ChildMessage, () => process.exit(0)),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});

async function run({ backend, setupModules, jasmine }: ChildTask): Promise<ChildReport> {
  const jasmineCore = createRequire(jasmine)(jasmine) as { boot(core: unknown): Jasmine };
  const env = jasmineCore.boot(jasmineCore).getEnv(); // puts describe, it and expect on globalThis
  env.configure({ random: false });
  const failed: FailedSpec[] = [];
  let specs = 0;
  let pending = 0;
  const record = ({ fullName, failedExpectations }: JasmineResult) => {
    if (failedExpectations.length === 0) return;
    failed.push({ name: fullName, messages: failedExpectations.map(({ message }) => message) });
  };
  env.addReporter({
    specStarted: ({ fullName }) => process.send?.({ started: fullName } satisfies ChildMessage),
    specDone: (result) => {
      specs++;
      if (result.status !== "passed" && result.status !== "failed") pending++;
      record(result);
    },
    suiteDone: record, // a failing beforeAll or afterAll
  });
  for (const path of setupModules) await import(pathToFileURL(path).href);
  await import("@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js");
  await import("@tensorflow/tfjs-core/dist/register_all_gradients.js");
  const { setTestEnvs } = await import("@tensorflow/tfjs-core/dist/jasmine_util.js");
  setTestEnvs([{ name: backend, backendName: backend, flags: {}, isDataSync: true }]);
  await import("@tensorflow/tfjs-core/dist/tests.js");
  await env.execute();
  return { specs, pending, failed };
}
