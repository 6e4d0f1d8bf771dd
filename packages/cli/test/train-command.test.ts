import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Recipe, RunSummary } from "@kvfold/train";
import { afterAll, describe, expect, it } from "vitest";
import { kvfold, kvfoldJson } from "./run-kvfold.js";

const folder = mkdtempSync(join(tmpdir(), "kvfold-train-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const timeout = 60_000;
const path = (name: string) => join(folder, name);

const recipe = path("retrofit.yaml");
writeFileSync(recipe, "kind: retrofit\ncr: 4\nmodel: { from: demo }\noutput: run\ndata: { files: a.txt }\n");

const event = { step: 40, steps: 100, stage: "ramp", loss: 3.5, crossEntropy: 3.25, targetRatio: 2, ratio: 1.75 };
mkdirSync(path("done"));
writeFileSync(
  path("done/events.jsonl"),
  [
    { type: "start", step: 0, steps: 100, time: "2026-01-01T00:00:00.000Z" },
    { type: "step", ...event },
    { type: "evaluation", step: 40, perplexity: 40.625, ratio: 1.5, best: true },
    { type: "alarm", step: 40, code: "ratio-behind", message: "It lags." },
    { type: "end", step: 40, reason: "interrupted", seconds: 9 },
  ]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join(""),
);

describe("kvfold train validate", { timeout }, () => {
  it("prints a recipe with every default, itself a recipe", async () => {
    const { code, stdout, stderr } = await kvfold(["train", "validate", recipe]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("# stages     blank 25, ramp 300 (100.0 for each +1.0 of CR), solidify 175");
    writeFileSync(path("whole.yaml"), stdout);
    const again = await kvfoldJson<Recipe>("train", "validate", path("whole.yaml"));
    expect(again).toEqual(await kvfoldJson<Recipe>("train", "validate", recipe));
  });

  it("applies --set, and remarks on what is likely not meant", async () => {
    const args = ["train", "validate", recipe, "--set", "tokens=500k", "--set", "batch.rows=4", "--json"];
    const { code, stdout, stderr } = await kvfold(args);
    expect(code).toBe(0);
    expect(JSON.parse(stdout) as Recipe).toMatchObject({ steps: 245, batch: { rows: 4 }, output: path("run") });
    expect(stderr).toMatch(/^note: the ramp to CR 4 takes 147 steps; .*\n$/);
  });
});

describe("kvfold train inspect", { timeout }, () => {
  it("says how far a run has come", async () => {
    const { code, stdout } = await kvfold(["train", "inspect", path("done")]);
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        "step 40 of 100, interrupted",
        "ramp: loss 3.5000, cross-entropy 3.2500, CR 1.75 of 2.00",
        "alarm at step 40: ratio-behind: It lags.",
        "",
        "step  perplexity    CR  recall",
        "  40      40.625  1.50       -  best",
        "",
      ].join("\n"),
    );
    const { last, end } = await kvfoldJson<RunSummary>("train", "inspect", path("done/events.jsonl"));
    expect(last).toEqual({ type: "step", ...event });
    expect(end?.reason).toBe("interrupted");
  });
});

describe("kvfold train tokenize, and inspect of what it made", { timeout }, () => {
  const shard = path("a.kvtok");

  it("shows counts, checksums and how the tokens begin", async () => {
    writeFileSync(path("a.jsonl"), '{"text":"One\\n two"}\n{"text":"three"}\n');
    const made = await kvfold(["train", "tokenize", path("a.jsonl"), "--tokenizer", "demo", "--out", shard]);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/ tokens of 16 bits in 2 documents\n$/) });
    const { stdout } = await kvfold(["train", "inspect", shard, "--tokenizer", "demo", "--verify"]);
    expect(stdout.replaceAll(/[0-9a-f]{64}/g, "#")).toMatch(
      /^tokens {6}\d+ of 16 bits in 2 documents\nvocabulary {2}4,096 ids; 0 opens a document\nsources {5}sha256 #\ntokenizer {3}sha256 #\ncontent {5}sha256 #, as it is\nbegins {6}"<\|begin\|>One\\n two<\|begin\|>three"\n$/,
    );
    const said = await kvfoldJson<{ firstTokens: number[] }>("train", "inspect", shard);
    expect(said).toMatchObject({ path: shard, bits: 16, documents: 2, verified: false, firstText: null });
    expect(said.firstTokens).toHaveLength((said as unknown as { length: number }).length);
  });

  it("finds a damaged one", async () => {
    const bytes = readFileSync(shard);
    bytes[bytes.length - 1] = 7;
    writeFileSync(path("bad.kvtok"), bytes);
    expect((await kvfold(["train", "inspect", path("bad.kvtok")])).code).toBe(0); // only the header was read
    const { code, stderr } = await kvfold(["train", "inspect", path("bad.kvtok"), "--verify"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("bad.kvtok is damaged") });
  });
});

describe("what is wrong with a training command", { timeout }, () => {
  it.each([
    [["train", "vlidate", recipe], 2, "unknown command 'vlidate'"],
    [["train", "validate"], 2, "missing required argument 'RECIPE'"],
    [["train", "validate", path("none.yaml")], 1, "Cannot read the recipe"],
    [["train", "validate", recipe, "--set", "batch"], 2, "write key.path=value"],
    [["train", "validate", recipe, "--set", "batch.rwos=1"], 1, "Did you mean 'rows'?"],
    [["train", "validate", recipe, "--set", "model.from=./nowhere"], 1, "nowhere"],
    [["train", "run", recipe, "--set", `output=${path("done")}`], 2, "holds a run already; --resume goes on with it"],
    [["train", "run", recipe, "--set", `output=${folder}`], 2, "is not empty; name another folder"],
    [["train", "run", recipe, "--backend", "webgl"], 2, "there are auto, cuda, native"],
    [["train", "inspect", path("none")], 2, "is no run"],
    [["train", "tokenize", "a.txt", "--tokenizer", "demo"], 2, "required option '--out <file>'"],
    [["retrofit", "demo", "--cr", "1", "--data", "a.txt", "--out", path("r")], 2, "It must be a number above 1."],
    [["retrofit", "demo", "--cr", "4", "--out", path("r")], 2, "required option '--data <files...>'"],
    [
      ["retrofit", "demo", "--cr", "4", "--data", "a", "--out", path("r"), "--tokens", "5T"],
      1,
      "the command line:1: tokens must be",
    ],
  ])("%j", async (args, exit, message) => {
    const { code, stdout, stderr } = await kvfold(args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("not foreseen");
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
  });
});
