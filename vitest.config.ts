import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

const conditions = ["@kvfold/source", "module", "node", "development|production"];
const folders = "{packages/*/{src,test,conformance},scripts,examples/*,benchmarks}";

/** tfjs-node as `npm run test:tensorflow` unpacks it; the workspace itself does not install it. */
const tfjsNode = fileURLToPath(new URL(".tools/tensorflow/node_modules/@tensorflow/tfjs-node", import.meta.url));

// Modes: none = everything that needs no download, with samples of the large goldens;
// `--mode goldens` = the golden tests with every case; `--mode tensorflow` = the tests of a real libtensorflow.
export default defineConfig(({ mode }) => ({
  resolve: { alias: mode === "tensorflow" ? { "@tensorflow/tfjs-node": tfjsNode } : {} },
  ssr: { resolve: { conditions, externalConditions: ["@kvfold/source", "node"] } },
  test: {
    include: [`${folders}/**/${mode === "goldens" || mode === "tensorflow" ? `*.${mode}.test.ts` : "*.test.ts"}`],
    exclude: [...configDefaults.exclude, ...(mode === "tensorflow" ? [] : ["**/*.tensorflow.test.ts"])],
    pool: "forks",
    // a loaded machine must not turn a right answer into a failure; what hangs still ends
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: "100%", // by default one core is left idle, half of a machine with two
    // The cpu backend's greeting, once per test file.
    onConsoleLog: (log) => !log.includes("Hi, looks like you are running TensorFlow.js in Node.js"),
  },
}));
