// TensorFlow.js's own suite on `cuda`: tfjs-suite.mjs JASMINE-CORE-FOLDER
import { fork } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { reportChecks } from "./report.mjs";

const beside = (name) => fileURLToPath(new URL(name, import.meta.url));
const child = fork(beside("suite.cjs"), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
let running = "the setup";
let suite;
child.on("message", ({ started, report }) => {
  running = started ?? running;
  suite = report ?? suite;
});
child.on("exit", (code, signal) => {
  if (suite === undefined) {
    console.error(`The suite ended with ${signal ?? code} while running ${running}.`);
    process.exit(1);
  }
  const failures = suite.failed.map(({ name, messages }) => `${name}: ${messages[0]}`);
  const passed = suite.specs - suite.pending - failures.length;
  reportChecks("TensorFlow.js's suite", { passed, failures, skipped: suite.pending });
});
child.send({
  backend: "cuda",
  setupModules: [beside("use-cuda.mjs")],
  jasmine: join(process.argv[2], "lib/jasmine-core.js"),
});
