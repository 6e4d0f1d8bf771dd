import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { transformSync } from "esbuild";

/** A fenced block of a README that is run as written: its info string is `ts runnable` or `sh runnable`. */
export interface RunnableBlock {
  readonly language: "ts" | "sh";
  readonly code: string;
  /** Line of the README on which the code starts, from 1. */
  readonly line: number;
  /** Content of the `text` block that follows; undefined when the next fenced block is another one. */
  readonly output: string | undefined;
}

/** Finds the runnable blocks of a README, in order. */
export function runnableBlocks(markdown: string): readonly RunnableBlock[] {
  const fences = [...markdown.matchAll(/^```([^\n`]*)\n(.*?)^```[ \t]*$/gms)].map((match) => ({
    info: (match[1] ?? "").trim(),
    code: match[2] ?? "",
    line: markdown.slice(0, match.index).split("\n").length + 1,
  }));
  return fences.flatMap(({ info, code, line }, i) => {
    const language = /^(ts|sh) runnable$/.exec(info)?.[1] as RunnableBlock["language"] | undefined;
    if (language === undefined) return [];
    const next = fences[i + 1];
    return [{ language, code, line, output: next?.info === "text" ? next.code : undefined }];
  });
}

/**
 * Compares real output with a README's. They must be equal line by line, except that:
 * runs of spaces and of table rules have any length; a number before a unit of time or speed (`ms`, `s`, `min`, `tok/s`,
 * `MB/s`) stands for any number; `~12.3` stands for any number; a line `...` stands for any number of lines.
 */
export function outputMatches(expected: string, actual: string): boolean {
  const pattern = normalise(expected).map((line) => (line === "..." ? "(?:.*\n)*?" : `${linePattern(line)}\n`));
  return new RegExp(`^${pattern.join("")}$`).test(`${normalise(actual).join("\n")}\n`);
}

function normalise(text: string): string[] {
  const lines = text.split("\n").map((line) =>
    line
      .replace(/[ \t]+/g, " ")
      .replace(/([─━═-])\1+/g, "$1")
      .trim(),
  );
  return lines.join("\n").trim().split("\n");
}

function linePattern(line: string): string {
  const anyNumber = /~\d[\d.,]*|\d[\d.,]*(?= ?(?:ms|s|min|tok\/s|MB\/s)(?![\w/]))/g;
  const literals = line.split(anyNumber).map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return literals.join("~?\\d[\\d.,]*");
}

/**
 * Makes `folder` look like a project that installed every package of the workspace, and TensorFlow.js beside them:
 * links to the built packages and a `kvfold` command.
 */
export function linkWorkspace(folder: string, root: string): void {
  const link = (name: string, target: string) => {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(target, join(folder, "node_modules", name));
  };
  for (const name of readdirSync(join(root, "packages"))) {
    const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) as { name: string };
    link(manifest.name, join(root, "packages", name));
  }
  for (const name of ["tfjs-core", "tfjs-backend-cpu", "tfjs-backend-wasm"]) {
    link(`@tensorflow/${name}`, join(root, "packages", "core", "node_modules", "@tensorflow", name));
  }
  const command = join(folder, "node_modules", ".bin", "kvfold");
  mkdirSync(dirname(command), { recursive: true });
  writeFileSync(command, `#!/bin/sh\nexec node "${join(root, "packages", "cli", "dist", "bin.js")}" "$@"\n`);
  chmodSync(command, 0o755);
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
}

/** Runs a block in a folder that {@link linkWorkspace} prepared; returns its standard output. */
export function runBlock({ language, code, line }: RunnableBlock, folder: string, timeoutMs: number): string {
  const file = join(folder, `block-${line}.${language === "ts" ? "mjs" : "sh"}`);
  writeFileSync(file, language === "ts" ? transformSync(code, { loader: "ts", format: "esm" }).code : code);
  const [command, ...args] = language === "ts" ? [process.execPath, file] : ["sh", "-e", file];
  const env = { ...process.env, NO_COLOR: "1" } as NodeJS.ProcessEnv;
  env.PATH = join(folder, "node_modules", ".bin") + delimiter + env.PATH;
  delete env.VITEST; // the block must not notice that it is under test
  delete env.NODE_ENV;
  const run = spawnSync(command as string, args, { cwd: folder, env, encoding: "utf8", timeout: timeoutMs });
  if (run.status !== 0)
    throw new Error(`the block ended with ${run.status ?? run.signal}:\n${run.stdout}${run.stderr}`);
  return run.stdout;
}
