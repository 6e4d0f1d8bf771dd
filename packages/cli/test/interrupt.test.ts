import { sharedPath, skipReason } from "@kvfold/core/testing";
import { pagePath } from "@kvfold/demo-model";
import { describe, expect, it } from "vitest";
import { startKvfold } from "./run-kvfold.js";

const name = "models/SmolLM2-135M-Instruct";
const smollm2 = sharedPath(`${name}/SmolLM2-135M-Instruct.Q4_1.gguf`);
const timeout = 60_000;
const endless = [
  "generate",
  "demo",
  "It was a dark evening when",
  "--max-tokens",
  "100000",
  "--policy",
  "window:recent=60",
];

describe("Ctrl-C", { timeout }, () => {
  it("ends a generation in order: the text so far, a line end, exit code 130", async () => {
    const { child, ended } = startKvfold(endless);
    child.stdout.once("data", () => child.kill("SIGINT"));
    const { code, signal, stdout, stderr } = await ended;
    expect({ code, signal }).toEqual({ code: 130, signal: null });
    expect(stdout).toMatch(/\w.*\n$/s);
    expect(stderr).not.toContain("error");
    expect(stdout + stderr).not.toContain("\x1b"); // nothing was hidden or coloured that would have to be restored
  });

  it("ends an evaluation without a half table", async () => {
    const { child, ended } = startKvfold(["eval", "demo", "--text", pagePath, "--policy", "h2o:budget=64"]);
    child.stderr.once("data", () => child.kill("SIGINT")); // the first line of progress
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    expect(stdout).toBe("");
  });
});

describe("Ctrl-C in a chat", { timeout }, () => {
  it.skipIf(smollm2 === undefined)(`stops the answer and leaves (${skipReason(name)})`, async () => {
    const { child, ended } = startKvfold(["chat", smollm2 as string, "--max-tokens", "2000"]);
    child.stdin.write("Tell me a very long story.\nAnd another one.\n");
    child.stdout.once("data", () => child.kill("SIGINT"));
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(/^\S.*\n$/s);
  });
});

describe("a reader that goes away", { timeout }, () => {
  it("ends the command quietly", async () => {
    const { child, ended } = startKvfold(endless);
    child.stdout.once("data", () => child.stdout.destroy());
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/EPIPE|error/);
  });
});
