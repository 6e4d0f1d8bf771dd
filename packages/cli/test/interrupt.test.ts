import { pagePath } from "@kvfold/demo-model";
import { describe, expect, it } from "vitest";
import { startKvfold } from "./run-kvfold.js";

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

describe("a reader that goes away", { timeout }, () => {
  it("ends the command quietly", async () => {
    const { child, ended } = startKvfold(endless);
    child.stdout.once("data", () => child.stdout.destroy());
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/EPIPE|error/);
  });
});
