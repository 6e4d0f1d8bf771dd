// The pinned pnpm without a global install: found in PATH, else installed by npm into .tools/. Node built-ins only.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** True where commands are `.cmd` files, which only a shell finds. */
export const shell = process.platform === "win32";

/** Environment for child processes, with the pinned pnpm first in PATH; a wrong version there is left alone. */
export function environment() {
  const env = {
    ...process.env,
    TURBO_TELEMETRY_DISABLED: "1",
    TURBO_NO_UPDATE_NOTIFIER: "1",
    npm_config_confirm_modules_purge: "false", // no TTY needed when node_modules came from another pnpm
  };
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const version = /^pnpm@(\d+\.\d+\.\d+)/.exec(packageManager)?.[1];
  const quiet = { ...env, COREPACK_ENABLE_DOWNLOAD_PROMPT: "0" };
  const found = spawnSync("pnpm", ["--version"], { cwd: root, env: quiet, encoding: "utf8", shell });
  if (found.status === 0 && found.stdout.trim() === version) return env;
  const home = join(root, ".tools", `pnpm-${version}`);
  const bin = join(home, "node_modules", ".bin");
  if (!existsSync(join(bin, shell ? "pnpm.cmd" : "pnpm"))) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "package.json"), '{ "private": true }\n');
    const options = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
    must("npm", ["install", ...options, `pnpm@${version}`], { cwd: home, env });
  }
  const pathKey = Object.keys(env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  return { ...env, [pathKey]: bin + delimiter + env[pathKey] };
}

/** Runs a command in the foreground; ends this process when it fails. */
export function must(command, args, options = {}) {
  console.log(`\n$ ${command === process.execPath ? "node" : command} ${args.join(" ")}`);
  const { error, status } = spawnSync(command, args, { cwd: root, stdio: "inherit", shell, ...options });
  if (error) console.error(`${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
