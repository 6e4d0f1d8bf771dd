import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const folders = "{packages/*/{src,test,conformance},scripts,examples/*,benchmarks}";

/** Where imports of other packages lead: to their sources, or to what they publish. */
const importing = (what: "sources" | "built") => {
  const own = what === "sources" ? ["@kvfold/source"] : [];
  return {
    ssr: {
      resolve: {
        conditions: [...own, "module", "node", "development|production"],
        externalConditions: [...own, "node"],
      },
    },
  };
};

/**
 * What reads sources in the mode `built`, too: core loads kernels-cuda by its name, which must be the one with the emulated
 * driver, and the harness of TensorFlow.js's suite is not published.
 */
const ofSources = "packages/{kernels-cuda/{src,test},*/conformance}";

/** tfjs-node as `npm run test:tensorflow` unpacks it; the workspace itself does not install it. */
const tfjsNode = fileURLToPath(new URL(".tools/tensorflow/node_modules/@tensorflow/tfjs-node", import.meta.url));

const filesOf: Record<string, string> = {
  goldens: "*.goldens.test.ts",
  laws: "*laws.test.ts",
  tensorflow: "*.tensorflow.test.ts",
};

/** Files that take long go first, so that no core is idle while the last of them runs. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const slow = /laws|store-ops|smollm2|packages\/cli\/test|cuda\/test\/kernels|readme-blocks|chat-session/;
    const long = ({ moduleId }: TestSpecification) => slow.test(moduleId);
    const sorted = await super.sort(files);
    return [...sorted.filter(long), ...sorted.filter((file) => !long(file))];
  }
}

// Modes: none = everything that needs no download, with samples of the large goldens; `--mode built` = the same beside the
// other packages as built, each a few files instead of hundreds: a test file starts 1.5 s of processor time sooner;
// `--mode goldens` = the golden tests with every case; `--mode laws` = the laws of the cache policies, on the emulated
// GPU too; `--mode tensorflow` = the tests of a real libtensorflow.
export default defineConfig(({ mode }) => {
  const files = filesOf[mode] ?? "*.test.ts";
  const all = `${folders}/**/${files}`;
  const never = [...configDefaults.exclude, ...(mode === "tensorflow" ? [] : ["**/*.tensorflow.test.ts"])];

  /** A part of the test files. It takes nothing over from the root, which vitest reads again for that without the mode. */
  const part = (imports: "sources" | "built", include: string, exclude: string[] = []) => ({
    ...importing(imports),
    resolve: { alias: mode === "tensorflow" ? { "@tensorflow/tfjs-node": tfjsNode } : {} },
    mode,
    test: {
      name: imports,
      include: [include],
      exclude: [...never, ...exclude],
      // a loaded machine must not turn a right answer into a failure; what hangs still ends
      testTimeout: 120_000,
      hookTimeout: 120_000,
    },
  });

  return {
    test: {
      projects:
        mode === "built"
          ? [part("built", all, [`${ofSources}/**`]), part("sources", `${ofSources}/**/${files}`)]
          : [part("sources", all)],
      pool: "forks",
      sequence: { sequencer: LongFirst },
      maxWorkers: "100%", // by default one core is left idle, half of a machine with two
      // The cpu backend's greeting, once per test file.
      onConsoleLog: (log) => !log.includes("Hi, looks like you are running TensorFlow.js in Node.js"),
    },
  };
});
