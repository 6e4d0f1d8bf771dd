import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";

const bin = fileURLToPath(new URL("../dist/bin.js", import.meta.url));

/** The built command as a module. */
export const commandModule = new URL("../dist/index.js", import.meta.url).href;

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the built command as a user's shell would, without a terminal. */
export function startKvfold(args: readonly string[]): { child: ChildProcessWithoutNullStreams; ended: Promise<Ended> } {
  if (!existsSync(bin)) throw new Error("packages/cli is not built; run `npm run setup` first");
  const env = { ...process.env };
  delete env.VITEST; // the command must not notice that it is under test
  delete env.NODE_ENV;
  const child = spawn(process.execPath, [bin, ...args], { env });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, ...output }));
  });
  return { child, ended };
}

/** Runs a command to its end. @param input standard input */
export function kvfold(args: readonly string[], input = ""): Promise<Ended> {
  const { child, ended } = startKvfold(args);
  child.stdin.on("error", () => {}); // it may end without reading
  child.stdin.end(input);
  return ended;
}

/** Runs a command that must succeed and print one JSON document. */
export async function kvfoldJson<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await kvfold([...args, "--json"]);
  if (code !== 0) throw new Error(`kvfold ${args.join(" ")} ended with ${code}:\n${stderr}`);
  return JSON.parse(stdout) as T;
}

/** Skips a test where the command has no native backend: a strict installation without `@kvfold/kernels-cpu`. */
export async function needNative({ skip }: TestContext): Promise<void> {
  const { backends } = await kvfoldJson<{ backends: readonly { name: string; available: boolean }[] }>("doctor");
  if (backends.some(({ name, available }) => name === "native" && available)) return;
  skip("the command does not find the backend native here");
}

/** Whether a text has more than printable characters and ends of lines. */
export function hasControlCharacters(text: string): boolean {
  return [...text].some((character) => character < " " && character !== "\n");
}
