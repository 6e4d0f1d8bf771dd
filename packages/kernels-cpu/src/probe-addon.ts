import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Runs in the child: loads the addon and multiplies two matrices with each instruction set that the machine claims. */
const script = `
const [path] = process.argv.slice(1);
const addon = { exports: {} };
process.dlopen(addon, path);
const { describe, setInstructionSet, matmulF32 } = addon.exports;
for (const set of describe().supported) {
  if (!setInstructionSet(set)) throw new Error("instruction set " + set + " cannot be chosen");
  const out = new Float32Array(33 * 35);
  matmulF32(new Float32Array(33 * 40).fill(1), new Float32Array(40 * 35).fill(2), out, 1, 33, 35, 40, false, false, 0, 0);
  if (!out.every((value) => value === 80)) throw new Error("wrong products with instruction set " + set);
}
process.stdout.write("works");
`;

/** Answers of this process, by the file's content. */
const answers = new Map<string, string | undefined>();

/**
 * Tries an addon in a child process, where a binary that is broken or made for another machine can only end the child.
 * Takes about 50 ms; the answer is kept for as long as the process lives.
 *
 * @returns why it cannot be used, as the end of a sentence; undefined when it works
 */
export function probeAddon(path: string): string | undefined {
  const key = createHash("sha256").update(readFileSync(path)).digest("hex");
  if (!answers.has(key)) answers.set(key, runChild(path));
  return answers.get(key);
}

function runChild(path: string): string | undefined {
  const { stdout, stderr, signal, error } = spawnSync(process.execPath, ["-e", script, path], {
    encoding: "utf8",
    timeout: 20_000,
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", NODE_OPTIONS: "" },
  });
  if (stdout === "works") return undefined;
  const cause = stderr.split("\n").find((line) => /Error/.test(line)) ?? error?.message;
  return `the addon ${path} does not work here: ${cause ?? `the probe ended with ${signal ?? "no answer"}`}`;
}
