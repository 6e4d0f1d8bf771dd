import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goldensPath } from "@kvfold/core/testing";
import { pagePath } from "@kvfold/demo-model";
import { afterAll, describe, expect, it } from "vitest";
import { kvfold } from "./run-kvfold.js";

const folder = mkdtempSync(join(tmpdir(), "kvfold-bad-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string) => join(folder, name);
mkdirSync(path("no-config"));
writeFileSync(path("no-config/weights.bin"), "1");
mkdirSync(path("bad-config"));
writeFileSync(path("bad-config/config.json"), "{");
mkdirSync(path("other-model"));
writeFileSync(path("other-model/config.json"), '{"model_type":"bert"}');
writeFileSync(path("empty.gguf"), "");
writeFileSync(path("text.gguf"), "this is no model");
writeFileSync(path("empty.txt"), "");
const noTokenizer = goldensPath("hf/models/llama-gqa") as string;

const generate = (...more: string[]) => ["generate", "demo", "It was", ...more];
const evaluate = (...more: string[]) => ["eval", "demo", ...more];

describe("a wrong command line: exit code 2", () => {
  it.each([
    [["frobnicate"], "unknown command 'frobnicate'"],
    [["generat", "demo", "x"], "Did you mean generate?"],
    [["generate"], "missing required argument 'MODEL'"],
    [["generate", "demo"], "missing required argument 'PROMPT'"],
    [generate("--frob"), "unknown option '--frob'"],
    [generate("more", "words"), "too many arguments"],
    [generate("--max-tokens", "0"), "It must be a whole number from 1 up"],
    [generate("--max-tokens", "-5"), "argument '-5' is invalid"],
    [generate("--max-tokens", "1.5"), "argument '1.5' is invalid"],
    [generate("--max-tokens", "many"), "argument 'many' is invalid"],
    [generate("--max-tokens"), "argument missing"],
    [generate("--temperature", "-1"), "It must be a number from 0 up"],
    [generate("--temperature", "hot"), "argument 'hot' is invalid"],
    [generate("--seed", "x"), "argument 'x' is invalid"],
    [generate("--backend", "webgl"), "there are auto, cuda, native, tensorflow, wasm, cpu"],
    [generate("--policy", "windw"), "Did you mean 'window'?"],
    [generate("--policy", "window:recent=-1"), "recent must be a whole number from 1"],
    [generate("--policy", "window:frob=1"), "its options: sinks, recent"],
    [generate("--policy", "perLayer(0=full)"), "has no policy for layer 1"],
    [generate("--policy", "dmc:threshold=2"), "threshold must lie between 0 and 1"],
    [generate("--policy", ""), "There is no policy ''"],
    [evaluate(), "Give --text FILE or --recall"],
    [evaluate("--recall", "--tokens", "9"), "give --text FILE with it"],
    [evaluate("--text", pagePath, "--tokens", "1"), "It must be a whole number from 2 up"],
    [evaluate("--text", path("empty.txt")), "at least 2 are needed"],
    [["plan", "demo", "--memory", "lots"], "It must be a number of bytes"],
    [["plan", "demo", "--memory", "-1GB"], "It must be a number of bytes"],
    [["plan", "demo", "--context", "0"], "It must be a whole number from 1 up"],
    [["convert", "demo"], "missing required argument 'OUT'"],
    [["convert", "demo", path("out"), "--dtype", "q4"], "Allowed choices are f32, f16, bf16"],
  ])("%j", { timeout: 60_000 }, async (args, message) => {
    const { code, stdout, stderr } = await kvfold(args);
    expect(stderr).toContain(message);
    expectOneClearError(stderr, stdout);
    expect(code).toBe(2);
  });
});

describe("a command that cannot be done: exit code 1", () => {
  it.each([
    [["generate", path("nowhere"), "x"], "nowhere"],
    [["generate", "", "x"], "No model was named"],
    [["generate", path("no-config"), "x"], "has no config.json"],
    [["generate", path("bad-config"), "x"], "config.json"],
    [["generate", path("other-model"), "x"], "bert"],
    [["generate", path("empty.gguf"), "x"], "not a valid GGUF file"],
    [["generate", path("text.gguf"), "x"], "not a valid GGUF file"],
    [["generate", noTokenizer, "x"], "has no tokenizer.json"],
    [["plan", path("no-config")], "has no config.json"],
    [["inspect", path("nowhere")], "nowhere"],
    [["inspect", path("other-model")], "bert"],
    [evaluate("--text", path("nowhere.txt")), "Cannot read"],
    [evaluate("--text", folder), "Cannot read"],
    [["convert", path("text.gguf"), path("out")], "not a valid GGUF file"],
    [["convert", "demo", folder], "is not empty"],
    [["chat", "demo"], "it is a base model"],
  ])("%j", { timeout: 60_000 }, async (args, message) => {
    const { code, stdout, stderr } = await kvfold(args);
    expect(stderr).toContain(message);
    expectOneClearError(stderr, stdout);
    expect(code).toBe(1);
  });

  it("shows the stack with --debug", async () => {
    const { code, stderr } = await kvfold(["inspect", path("other-model"), "--debug"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/\n {4}at /);
  });
});

/** The error is one line (commander adds a suggestion in another), without a stack, and nothing is on stdout. */
function expectOneClearError(stderr: string, stdout: string): void {
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^error: /m);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stderr).not.toContain("not foreseen");
  expect(stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
}
