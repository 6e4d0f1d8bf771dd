import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pagePath, plainPath } from "@kvfold/demo-model";
import type { RunSummary, TrainingEvent } from "@kvfold/train";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ended, kvfold, kvfoldJson, startKvfold } from "./run-kvfold.js";

const folder = mkdtempSync(join(tmpdir(), "kvfold-run-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const timeout = 300_000;
const path = (...names: string[]) => join(folder, ...names);

const shared = `
data: { files: ${pagePath}, heldOut: 200, packing: documents }
batch: { rows: 4, length: 32, accumulate: 2 }
evaluate: { everySteps: 10, tokens: 100 }
`;
writeFileSync(
  path("pretrain.yaml"),
  `kind: pretrain
model:
  config:
    model_type: llama
    hidden_size: 32
    intermediate_size: 48
    num_hidden_layers: 2
    num_attention_heads: 4
    num_key_value_heads: 2
    vocab_size: 4096
    max_position_embeddings: 64
    rms_norm_eps: 1.0e-5
    rope_theta: 10000
    tie_word_embeddings: true
    bos_token_id: 0
    eos_token_id: 1
  tokenizer: ${plainPath}
output: base
steps: 4
${shared}`,
);
const steps = 24;
writeFileSync(
  path("retrofit.yaml"),
  `kind: retrofit
cr: 2
model: { from: ${path("base", "model")} }
output: whole
steps: ${steps}
checkpoint: { everySteps: 3, keep: 2 }
${shared}`,
);

const into = (output: string) => ["train", "run", path("retrofit.yaml"), "--set", `output=${path(output)}`];

/** Starts a command and sends it a signal some time after it has told of a step. */
function stopped(args: readonly string[], signal: NodeJS.Signals, step: number, ms = 0): Promise<Ended> {
  const { child, ended } = startKvfold(args);
  let told = "";
  child.stderr.on("data", (text: string) => {
    const before = told.includes(`step ${step}/`);
    told += text;
    if (!before && told.includes(`step ${step}/`)) setTimeout(() => child.kill(signal), ms);
  });
  return ended;
}

const events = (output: string) =>
  readFileSync(path(output, "events.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as TrainingEvent);

/** Everything that a run ends with. */
function resultOf(output: string): Record<string, Buffer> {
  const last = join("checkpoints", `step-${String(steps).padStart(8, "0")}`);
  const names = [`${last}/weights.safetensors`, `${last}/optimizer.safetensors`, "model/model.safetensors"];
  return Object.fromEntries(names.map((name) => [name, readFileSync(path(output, name))]));
}

beforeAll(async () => {
  const said = await kvfoldJson("train", "run", path("pretrain.yaml"));
  expect(said).toEqual({
    reason: "finished",
    step: 4,
    steps: 4,
    output: path("base"),
    exported: path("base", "model"),
  });
}, timeout);

describe("kvfold train run", { timeout }, () => {
  it("trains, tells how it goes, and exports a model", async () => {
    const { code, stdout, stderr } = await kvfold(into("whole"));
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${path("whole", "model")} holds the model\n` });
    expect(stderr).toContain(`step ${steps}/${steps}  solidify  loss `);
    expect(readdirSync(path("whole")).map((name) => name.replace(/\d{6,}|-[0-9a-f]{16}/, "#"))).toEqual([
      "checkpoints",
      "data#.kvtok",
      "events.jsonl",
      "events.out.tfevents.#.kvfold",
      "model",
    ]);
    const { last, end, evaluations } = await kvfoldJson<RunSummary>("train", "inspect", path("whole"));
    const heads = [expect.any(Number), expect.any(Number)];
    expect(last).toMatchObject({ step: steps, targetRatio: 2, merged: [heads, heads] });
    expect(end?.reason).toBe("finished");
    expect(evaluations.map(({ step }) => step)).toEqual([10, 20, steps]);
  });

  it("ends with the same bytes when it was stopped by Ctrl-C, killed at any moment, and resumed", async () => {
    const stop = await stopped(into("parts"), "SIGINT", 4);
    expect({ code: stop.code, stdout: stop.stdout }).toEqual({
      code: 130,
      stdout: expect.stringMatching(`^interrupted at step \\d+ of ${steps}\\n$`),
    });
    const at = Number(/step (\d+)/.exec(stop.stdout)?.[1]);
    expect(events("parts").slice(-2)).toMatchObject([
      { type: "checkpoint", step: at },
      { type: "end", step: at, reason: "interrupted" },
    ]);
    const [step, ms] = [at + 1 + Math.floor(Math.random() * (steps - at - 2)), Math.random() * 100];
    const killed = await stopped([...into("parts"), "--resume"], "SIGKILL", step, ms);
    const when = `killed ${ms} ms after step ${step}`;
    if (killed.signal !== null) expect(killed.signal, when).toBe("SIGKILL"); // or it was through before
    expect(killed.stderr, when).toContain(`resumed at step ${at} of ${steps}`);
    const { code, stderr } = await kvfold([...into("parts"), "--resume"]);
    expect({ code, stderr }, when).toEqual({ code: 0, stderr: expect.stringContaining("resumed at step") });
    for (const [name, bytes] of Object.entries(resultOf("whole")))
      expect(bytes.equals(resultOf("parts")[name] as Buffer), `${name}, ${when}`).toBe(true);
    const told = events("parts").flatMap((event) => (event.type === "step" ? [event.step] : []));
    expect(told, when).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
  });

  it("refuses to go on without --resume, or with another recipe", async () => {
    expect(await kvfold(into("whole"))).toMatchObject({ code: 2, stderr: expect.stringContaining("--resume goes on") });
    const other = await kvfold([...into("whole"), "--resume", "--set", "seed=9"]);
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining("seed was 0 and is 9") });
  });

  it("writes nothing in a dry run", async () => {
    const { code, stdout } = await kvfold([...into("dry"), "--dry-run"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/nothing was written\.\n$/) });
    const said = await kvfoldJson(...into("dry"), "--dry-run");
    expect(said).toEqual({ reason: "finished", step: 1, steps, output: path("dry"), exported: null });
    expect(existsSync(path("dry"))).toBe(false);
  });
});
