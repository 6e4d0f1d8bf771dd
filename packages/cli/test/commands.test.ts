import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goldensPath, sharedPath, skipReason } from "@kvfold/core/testing";
import { pagePath } from "@kvfold/demo-model";
import { afterAll, describe, expect, it } from "vitest";
import type { EvalRow } from "../src/eval-row.js";
import type { PolicyPlan } from "../src/model/plan.js";
import { commandModule, hasControlCharacters, kvfold, kvfoldJson, needNative, startKvfold } from "./run-kvfold.js";

const folder = mkdtempSync(join(tmpdir(), "kvfold-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const timeout = 120_000;
/** For tests whose time or exact bytes count: the same backend on every machine, with the reference store. */
const portable = ["--backend", "wasm"];
const stories = sharedPath("models/stories260K");
const smollm2 = sharedPath("models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf");

interface Generated {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly stats: Readonly<Record<string, number>>;
}

interface Plan {
  readonly context: number;
  readonly memoryBytes: number;
  readonly weightBytes: number;
  readonly results: readonly (PolicyPlan & { readonly policy: string })[];
}

describe("kvfold", { timeout }, () => {
  it("shows its command table, on one screen, without arguments", async () => {
    const { code, stdout } = await kvfold([]);
    expect(code).toBe(0);
    for (const name of [
      "generate",
      "chat",
      "eval",
      "bench",
      "plan",
      "train",
      "retrofit",
      "convert",
      "inspect",
      "policies",
      "doctor",
      "demo",
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    }
    expect(stdout.split("\n").length).toBeLessThanOrEqual(25);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("does not load TensorFlow.js to show its help", () => {
    // its engine sits on globalThis once it is loaded; the start-up time itself is a benchmark, not a test
    const script = `import(${JSON.stringify(commandModule)}).then(async ({ main }) => {
      const code = await main(["--help"]);
      console.error(code, "_tfengine" in globalThis);
    })`;
    const { stderr, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(stderr.trim()).toBe("0 false");
    expect(stdout).toContain("kvfold <command>");
  });
});

describe("kvfold generate", { timeout }, () => {
  it("continues a text on stdout and nothing else, the same for the same seed", async () => {
    const args = ["generate", "demo", "The friend of", "--max-tokens", "12", "--temperature", "0.8", "--seed", "7"];
    const first = await kvfold(args);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout.trim()).not.toBe("");
    expect(hasControlCharacters(first.stdout)).toBe(false);
    expect((await kvfold(args)).stdout).toBe(first.stdout);
    const other = await kvfold([...args.slice(0, -1), "8"]);
    expect(other.stdout).not.toBe(first.stdout);
  });

  it("prints text, tokens and figures as JSON; text is what it prints otherwise", async () => {
    const args = ["generate", "demo", "It was a dark evening when", "--max-tokens", "6", "--policy", "window:recent=8"];
    const json = await kvfoldJson<Generated>(...args);
    expect(Object.keys(json)).toEqual(["text", "tokens", "stats"]);
    expect(json.tokens.length).toBe(6);
    expect(json.tokens.every(Number.isInteger)).toBe(true);
    expect(Object.keys(json.stats)).toEqual([
      "prefillTokensPerSecond",
      "decodeTokensPerSecond",
      "timeToFirstTokenMs",
      "entries",
      "liveBytes",
      "compressionRatio",
    ]);
    expect(Object.values(json.stats).every((value) => value > 0)).toBe(true);
    expect((await kvfold(args)).stdout).toBe(`${json.text}\n`);
  });

  it("reads the prompt from standard input", async () => {
    const args = ["generate", "demo", "--max-tokens", "5"];
    const piped = await kvfold([...args, "-"], "She looked up and");
    expect(piped).toMatchObject({ code: 0, stdout: (await kvfold([...args, "She looked up and"])).stdout });
  });

  it("allows more than the trained context and says so", async () => {
    const { child, ended } = startKvfold(["generate", "demo", "It was", "--max-tokens", "1030", ...portable]);
    child.stdout.once("data", () => child.kill("SIGINT")); // it has begun, which is enough
    expect((await ended).stderr).toContain("more than the context of 1024 that this model was trained with");
  });

  it("says that forced decisions make the text meaningless", async () => {
    const { code, stderr } = await kvfold(["generate", "demo", "x", "--max-tokens", "2", "--policy", "dmc:force=4"]);
    expect(code).toBe(0);
    expect(stderr).toContain("the text is meaningless");
  });

  it.skipIf(stories === undefined)(
    `runs a SentencePiece model with GQA (${skipReason("models/stories260K")})`,
    async () => {
      const { code, stdout } = await kvfold(["generate", stories as string, "Once upon a time", "--max-tokens", "12"]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^, there was a little girl named Lily/);
    },
  );
});

describe("kvfold chat", { timeout }, () => {
  it.skipIf(smollm2 === undefined)(
    `answers one line a message (${skipReason("models/SmolLM2-135M-Instruct")})`,
    async () => {
      const lines = "What is the capital of France?\n\n/stats\nAnd of Italy?\n/exit\nnot reached\n";
      const { code, stdout, stderr } = await kvfold(["chat", smollm2 as string, "--max-tokens", "12"], lines);
      expect(code).toBe(0);
      const answers = stdout.trimEnd().split("\n");
      expect(answers[0]).toContain("Paris");
      expect(answers[1]).toContain("Rome");
      expect(answers.length).toBe(2);
      expect(stderr).toMatch(/\d+ tokens, [\d,]+ entries, CR 1\.00/);
    },
  );
});

describe("kvfold eval", { timeout }, () => {
  const specs = ["full", "window:recent=12", "h2o:budget=16", "tova:budget=16", "perLayer(0=full;*=tova:budget=8)"];
  const policies = specs.flatMap((spec) => ["--policy", spec]);

  it("prints one result for each SPEC, as given; its bytes are those that plan foretells", async () => {
    const json = await kvfoldJson<{ results: readonly EvalRow[] }>(
      "eval",
      "demo",
      "--text",
      pagePath,
      "--tokens",
      "70",
      ...policies,
      ...portable,
    );
    expect(json).toMatchObject({ model: "demo", tokens: 70 });
    expect(Object.keys(json)).toEqual(["model", "cache", "tokens", "results"]);
    expect(json.results.map(({ policy }) => policy)).toEqual(specs);
    for (const row of json.results) {
      expect(Object.keys(row)).toEqual([
        "policy",
        "perplexity",
        "kld",
        "top1Agreement",
        "recall",
        "tokens",
        "entries",
        "compressionRatio",
        "byteRatio",
        "liveBytes",
        "tokensPerSecond",
      ]);
      expect(row).toMatchObject({ tokens: 70, recall: null });
    }
    expect(json.results[0]).toMatchObject({ kld: 0, top1Agreement: 1, entries: 70 * 4 * 8, compressionRatio: 1 });
    const plan = await kvfoldJson<Plan>("plan", "demo", "--context", "70", ...policies);
    expect(plan.results.map(({ bytesPerSequence }) => bytesPerSequence)).toEqual(
      json.results.map(({ liveBytes }) => liveBytes),
    );
    expect(plan.results.map(({ entries }) => entries)).toEqual(json.results.map(({ entries }) => entries));
  });

  it("needs at most a page a head more than plan foretells, on the best backend here", async () => {
    const args = ["--text", pagePath, "--tokens", "70", ...policies];
    const { results } = await kvfoldJson<{ results: readonly EvalRow[] }>("eval", "demo", ...args);
    const plan = await kvfoldJson<Plan>("plan", "demo", "--context", "70", ...policies);
    const pages = 4 * 8 * 16 * 2 * 32 * 4; // layers, KV heads, entries of a page, key and value, channels, float32
    for (const [i, { entries, liveBytes }] of results.entries()) {
      const { entries: planned, bytesPerSequence } = plan.results[i] as PolicyPlan;
      expect(entries).toBe(planned);
      expect(liveBytes).toBeGreaterThanOrEqual(bytesPerSequence);
      expect(liveBytes).toBeLessThanOrEqual(1.05 * (bytesPerSequence + pages));
    }
  });

  it("shows the same as a table, without control characters when piped", async () => {
    const { code, stdout } = await kvfold([
      "eval",
      "demo",
      "--text",
      pagePath,
      "--tokens",
      "40",
      "--policy",
      "tova:budget=8",
      ...portable,
    ]);
    expect(code).toBe(0);
    const [head, row] = stdout.split("\n");
    expect(head?.split(/ {2,}/)).toEqual([
      "policy",
      "perplexity",
      "KLD",
      "top-1",
      "recall",
      "tokens",
      "entries",
      "CR",
      "byte ratio",
      "live bytes",
      "tok/s",
    ]);
    expect(row).toMatch(
      /^tova:budget=8 +\d+\.\d{3} +\d\.\d{4} +\d\.\d{3} +- +40 +256 +5\.00 +4\.\d\d +66\.00 KiB +[\d,]+\.\d$/,
    );
    expect(hasControlCharacters(stdout)).toBe(false);
  });

  it("keeps entries in fewer bytes where the backend can, and says what is needed where not", async (context) => {
    const args = ["eval", "demo", "--text", pagePath, "--tokens", "64", "--policy", "full"];
    const refused = await kvfold([...args, "--cache", "bf16", ...portable]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("npm install @kvfold/kernels-cpu");
    expect(await kvfold([...args, "--cache", "f64"])).toMatchObject({ code: 2, stdout: "" });
    await needNative(context);
    const ratioOf = async (type: string) => {
      const json = await kvfoldJson<{ cache: string; results: readonly EvalRow[] }>(...args, "--cache", type);
      expect(json.cache).toBe(type);
      return json.results[0]?.byteRatio as number;
    };
    const plain = await ratioOf("f32");
    expect((await ratioOf("bf16")) / plain).toBeGreaterThan(1.8);
    expect((await ratioOf("int8")) / plain).toBeGreaterThan(3);
  });

  it("measures recall, and null what was not asked for", async () => {
    const { results } = await kvfoldJson<{ results: readonly EvalRow[] }>(
      "eval",
      "demo-plain",
      "--recall",
      ...portable,
    );
    expect(results.length).toBe(1);
    expect(results[0]).toMatchObject({
      policy: "full",
      perplexity: null,
      kld: null,
      top1Agreement: null,
      compressionRatio: 1,
    });
    expect(results[0]?.recall).toBeGreaterThan(0.2); // chance is below 0.07
  });

  it("says when the text is shorter than asked for", async () => {
    const path = join(folder, "short.txt");
    writeFileSync(path, "It was a dark evening.");
    const { code, stderr } = await kvfold(["eval", "demo", "--text", path, "--tokens", "500"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/the text has only \d+ tokens/);
  });
});

describe("kvfold plan", { timeout }, () => {
  it("gives bytes, sequences and FLOPs from the config alone", async () => {
    const config = {
      ...JSON.parse(readFileSync(join(goldensPath("hf/models/llama-gqa") as string, "config.json"), "utf8")),
    };
    const bare = mkdtempSync(join(folder, "bare-"));
    writeFileSync(join(bare, "config.json"), JSON.stringify(config));
    const plan = await kvfoldJson<Plan>(
      "plan",
      bare,
      "--context",
      "100",
      "--memory",
      "64MiB",
      "--policy",
      "full",
      "--policy",
      "window:recent=12",
    );
    const { hidden_size: hidden, intermediate_size: mlp, num_hidden_layers: layers, vocab_size: vocab } = config;
    const { num_attention_heads: queryHeads, num_key_value_heads: kvHeads } = config;
    const headDim = config.head_dim ?? hidden / queryHeads;
    const weights = layers * (2 * hidden * headDim * (queryHeads + kvHeads) + 3 * hidden * mlp) + vocab * hidden;
    expect(plan).toMatchObject({ context: 100, memoryBytes: 64 * 2 ** 20, weightBytes: weights * 4 });
    const [full, window] = plan.results;
    const fullBytes = 100 * layers * kvHeads * 2 * headDim * 4;
    expect(full).toMatchObject({
      policy: "full",
      entries: 100 * layers * kvHeads,
      bytesPerSequence: fullBytes,
      bytesPerToken: fullBytes / 100,
      sequences: Math.floor((64 * 2 ** 20 - weights * 4) / fullBytes),
      flopsPerToken: 2 * weights + 4 * 100 * layers * queryHeads * headDim,
    });
    expect(window).toMatchObject({ policy: "window:recent=12", entries: 16 * layers * kvHeads });
  });

  it.skipIf(smollm2 === undefined)(
    `reads a GGUF's metadata in no time (${skipReason("models/SmolLM2-135M-Instruct")})`,
    async () => {
      const { code, stdout } = await kvfold(["plan", smollm2 as string, "--policy", "dmc"]);
      expect(code).toBe(0);
      expect(stdout).toContain("context 8,192 tokens");
    },
  );
});

describe("kvfold policies and doctor", { timeout }, () => {
  it("lists every policy with its options, meanings and defaults", async () => {
    const { code, stdout } = await kvfold(["policies"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}recent +count +newest tokens kept.*\(default 252\)$/m);
    const json = await kvfoldJson<readonly { name: string; options: readonly object[] }[]>("policies");
    expect(json.map(({ name }) => name)).toEqual(["full", "window", "h2o", "tova", "perLayer", "dmc", "dms"]);
    expect(json[3]?.options[0]).toEqual({
      name: "budget",
      kind: "count",
      meaning: "entries of each KV head",
      default: "256",
    });
  });

  it("says which backends run here and why others do not", async () => {
    const { code, stdout } = await kvfold(["doctor"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^wasm +(chosen|available) +@tensorflow\/tfjs-backend-wasm 4\.22\.0/m);
    const json = await kvfoldJson<{ backend: string; backends: readonly { available: boolean; reason?: string }[] }>(
      "doctor",
    );
    expect(json.backends.every(({ available, reason }) => available || (reason ?? "") !== "")).toBe(true);
    expect(stdout).toMatch(new RegExp(`^${json.backend} +chosen`, "m"));
  });
});

describe("kvfold demo", { timeout }, () => {
  it("shows text and figures of every policy, and says which model they are of", async () => {
    const { code, stdout } = await kvfold(["demo", ...portable]);
    expect(code).toBe(0);
    for (const name of ["full", "window", "h2o", "tova", "dmc"]) {
      expect(stdout).toMatch(new RegExp(`^${name}\\S* +\\.\\.\\..*\\w`, "m"));
      expect(stdout).toMatch(
        new RegExp(`^${name}\\S* +256 +[\\d,]+ +\\d\\.\\d\\d +[\\d.]+ [KM]iB +[\\d.]+ +[\\d.,]+$`, "m"),
      );
    }
    expect(stdout).toContain("taught to merge");
    expect(hasControlCharacters(stdout)).toBe(false);
  });
});
