#!/usr/bin/env node
// npm run demo / npm test on a machine that has only node and npm: brings the pinned pnpm, installs, builds, runs.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const win = process.platform === "win32";
const pkg = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19))
  die(`Node ${process.versions.node} is too old: this needs Node >= 20.19`);
const version =
  /^pnpm@(\d+\.\d+\.\d+)/.exec(pkg.packageManager)?.[1] ?? die("package.json has no packageManager pnpm@x.y.z");

const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" };
const pathKey = Object.keys(env).find((k) => k.toUpperCase() === "PATH") ?? "PATH";

function die(msg) {
  console.error(`\n${msg}`);
  process.exit(1);
}
function run(cmd, args, opts = {}) {
  console.log(`\n$ ${cmd} ${args.join(" ")}`);
  const r = spawnSync(cmd, args, { cwd: root, env, stdio: "inherit", shell: win, ...opts });
  if (r.error) die(`${cmd}: ${r.error.message}`);
  if (r.status !== 0) process.exit(r.status ?? 1);
}
function pnpm() {
  const v = spawnSync("pnpm", ["--version"], {
    cwd: root,
    env: { ...env, COREPACK_ENABLE_DOWNLOAD_PROMPT: "0" },
    encoding: "utf8",
    shell: win,
  });
  if (v.status === 0 && v.stdout.trim() === version) return;
  const home = join(root, ".tools", `pnpm-${version}`);
  const bin = join(home, "node_modules", ".bin");
  if (!existsSync(join(bin, win ? "pnpm.cmd" : "pnpm"))) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "package.json"), '{ "private": true }\n');
    run("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error", `pnpm@${version}`], {
      cwd: home,
    });
  }
  env[pathKey] = bin + delimiter + env[pathKey];
}
env.npm_config_confirm_modules_purge = "false"; // no TTY needed when node_modules came from another pnpm
const [task, ...rest] = process.argv.slice(2);
const turbo = (...a) => run("pnpm", ["exec", "turbo", "run", ...a, "--output-logs=new-only"]);
if (!["setup", "demo", "test"].includes(task)) die("usage: node scripts/run.mjs setup|demo|test");
pnpm();
run("pnpm", ["install", "--frozen-lockfile", "--prefer-offline"]);
if (task === "setup") turbo("build");
if (task === "demo") {
  turbo("build", "--filter=@kvfold/cli...");
  run(process.execPath, ["packages/cli/dist/bin.js", "run", ...rest]);
}
if (task === "test") {
  turbo("build", "//#typecheck", "//#lint", "//#unit", ...rest);
  const r = JSON.parse(readFileSync(join(root, "coverage", "vitest.json"), "utf8"));
  console.log(`${r.numPassedTests} passed, ${r.numFailedTests} failed, ${r.numPendingTests} skipped`);
}
