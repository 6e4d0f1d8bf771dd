#!/usr/bin/env node
// npm run setup | build | demo, npm test: on a machine that has only node and npm, installs, builds and runs.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { environment, must, root, shell } from "./pnpm.mjs";

const [task, ...rest] = process.argv.slice(2);
const tasks = { setup: build, build, demo, test };
if (!Object.hasOwn(tasks, task)) die(`usage: node scripts/run.mjs ${Object.keys(tasks).join("|")}`);
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  die(`Node ${process.versions.node} is too old: kvfold needs Node >= 20.19`);
}
const env = environment();
if (task !== "build") must("pnpm", ["install", "--frozen-lockfile", "--prefer-offline"], { env });
await tasks[task]();

/** Builds every package; `npx kvfold` works afterwards. */
function build() {
  must("pnpm", ["exec", "turbo", "run", "build", "--output-logs=errors-only"], { env });
}

/** Builds what the command needs and runs `kvfold demo`. */
function demo() {
  must("pnpm", ["exec", "turbo", "run", "build", "--filter=@kvfold/cli...", "--output-logs=errors-only"], { env });
  must(process.execPath, ["packages/cli/dist/bin.js", "demo", ...rest], { env });
}

/**
 * Build, checks and tests; everything runs even when something fails. The last line counts each check as one test.
 * Arguments go to vitest, which runs alone at the end because some tests watch the clock.
 */
async function test() {
  const report = join(root, "coverage", "vitest.json");
  rmSync(report, { force: true });
  const results = [];
  const lanes = [
    [
      ["build", "turbo", ["run", "build", "--output-logs=errors-only"]],
      ["packages", "node", ["scripts/check-packages.mjs"]],
    ],
    [
      ["typecheck", "tsc", ["-b"]],
      ["lint", "biome", ["ci", "."]],
      ["unused code", "knip", []],
    ],
  ];
  const inLanes = lanes.map(async (lane) => {
    for (const step of lane) results.push(await check(...step));
  });
  await Promise.all(inLanes);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const unit = spawnSync("pnpm", ["exec", "vitest", "run", "--mode", "built", ...reporters, ...rest], {
    cwd: root,
    env,
    stdio: "inherit",
    shell,
  });

  const counts = countTests(report, unit.status === 0);
  console.log();
  for (const { name, ok, seconds } of results) console.log(`${ok ? "passed" : "FAILED"}  ${name} (${seconds} s)`);
  const passed = counts.passed + results.filter(({ ok }) => ok).length;
  const failed = counts.failed + results.filter(({ ok }) => !ok).length;
  console.log(`${passed} passed, ${failed} failed, ${counts.skipped} skipped`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** Counts of a vitest JSON report. A test file that did not load counts as one failed test. */
function countTests(report, exitedWell) {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, "utf8"),
  );
  const notLoaded = testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
  const failed = numFailedTests + notLoaded;
  return {
    passed: numPassedTests,
    failed: exitedWell ? failed : Math.max(failed, 1),
    skipped: numPendingTests + numTodoTests,
  };
}

/** Runs one check in the background; prints its output only when it fails. */
function check(name, command, args) {
  const start = Date.now();
  return new Promise((resolve) => {
    const child = spawn("pnpm", ["exec", command, ...args], { cwd: root, env, shell });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    const finish = (ok) => {
      const seconds = ((Date.now() - start) / 1000).toFixed(1);
      console.log(ok ? `\n${name}: passed in ${seconds} s` : `\n${output}\n${name}: FAILED in ${seconds} s`);
      resolve({ name, ok, seconds });
    };
    child.on("error", (error) => {
      output += error.message;
      finish(false);
    });
    child.on("close", (code) => finish(code === 0));
  });
}

function die(message) {
  console.error(`\n${message}`);
  process.exit(1);
}
