// Scores the models of the comparison through the cache, by the inference rule: held-out perplexity, recall by number of
// facts and distance, compression and byte ratio, live bytes, speed. Policies that need no training (H2O, TOVA, a window) run on
// the control, with budgets that give them the live bytes of each DMC model. Rows of an earlier run stay where the settings are
// the same and the model is not in the folder: models can be trained and scored one after the other.
//
//     node benchmarks/src/retrofit/table.mjs NOVELS.kvtok RUNS-FOLDER [HELD-OUT TOKENS]
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseBackend } from "@kvfold/core";
import { evaluateRecall, scoreWindows } from "@kvfold/eval";
import { h2o, parsePolicy, tova, window } from "@kvfold/kv-cache";
import { loadLocalModel, modelPolicies } from "@kvfold/models";
import { openShard } from "@kvfold/train";
import { machine } from "../machine.mjs";
import { markdownTable } from "./markdown-table.mjs";

const [shardPath, folder, heldOutTokens = "200000"] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node benchmarks/src/retrofit/table.mjs NOVELS.kvtok RUNS-FOLDER [HELD-OUT TOKENS]");
  process.exit(2);
}
const { detail } = await chooseBackend({ prefer: "native" });
const heldOut = new Int32Array(Number(heldOutTokens));
const shard = openShard(shardPath);
shard.read(shard.length - 200_000, heldOut); // the last 200,000 tokens are never trained on
shard.close();
const recallCells = { facts: [1, 2, 4, 8], distances: [0, 32, 96], samples: 32, seed: 1_000_000 };
const textWindow = 1024;

const out = fileURLToPath(new URL("../../results/retrofit/", import.meta.url));
/** The table of the last run, if any. */
const lastTable = existsSync(join(out, "table.json"))
  ? JSON.parse(readFileSync(join(out, "table.json"), "utf8"))
  : undefined;
const { date, commit, cpu } = machine();
const measured = { date, commit, cpu };
const rows = [];
const names = readdirSync(folder)
  .filter((name) => existsSync(join(folder, name, "model")))
  .sort();
for (const name of names.filter((name) => !/^(ramp|solidify)/.test(name))) {
  const model = await loadLocalModel(join(folder, name, "model"));
  const spec = model.config.retrofit?.method ?? "full";
  rows.push(await score(name, model, () => parsePolicy(spec, modelPolicies(model.config)), trained(name)));
  model.dispose();
}
/** What the others are compared with: the control, or the base while there is none. */
const reference = ["control", "base"].find((name) => names.includes(name));
const control = reference && (await loadLocalModel(join(folder, reference, "model")));
for (const dmc of rows.filter(({ name }) => /^dmc-\d+x$/.test(name))) {
  if (control === undefined) break;
  const policies = {
    h2o: (budget) => h2o({ budget }),
    tova: (budget) => tova({ budget }),
    window: (budget) => window({ sinks: 4, recent: Math.max(1, budget - 4) }),
  };
  for (const [policy, make] of Object.entries(policies)) {
    rows.push(await matched(`${policy} at ${dmc.name}'s bytes`, control, make, dmc));
  }
}
control?.dispose();

mkdirSync(out, { recursive: true });
const settings = { heldOutTokens: heldOut.length, textWindow, recall: recallCells };
const all = [...earlierRows(settings, new Set(rows.map(({ name }) => name))), ...rows].sort((a, b) =>
  order(a.name) === order(b.name)
    ? a.name.localeCompare(b.name, "en", { numeric: true })
    : order(a.name) - order(b.name),
);
writeFileSync(
  join(out, "table.json"),
  `${JSON.stringify({ ...machine(), backend: detail, settings, rows: all }, null, 2)}\n`,
);
const compared = ["control", "base"].find((name) => all.some((row) => row.name === name));
writeFileSync(join(out, "table.md"), markdownTable(all, compared));
console.log(markdownTable(all, compared));

/** Rows of the last table that were scored with the same settings and are not scored anew. */
function earlierRows(settings, anew) {
  if (JSON.stringify(lastTable?.settings) !== JSON.stringify(settings)) return [];
  return lastTable.rows.filter(({ name }) => !anew.has(name));
}

/** Base and control, trained models, then policies without training. */
function order(name) {
  return ["base", "control"].includes(name) ? 0 : name.includes(" at ") ? 2 : 1;
}

/** One row: a model under the policy that `policyFor` makes for texts and for recall. */
async function score(name, model, policyFor, training) {
  const text = await scoreWindows({ model, policy: policyFor("text"), tokens: heldOut, window: textWindow });
  const [recall] = await evaluateRecall({ model, policies: [policyFor("recall")], ...recallCells });
  const row = {
    name,
    policies: { text: policyFor("text").name, recall: policyFor("recall").name },
    perplexity: text.perplexity,
    textRatio: text.compressionRatio,
    textByteRatio: text.byteRatio,
    textLiveBytes: text.liveBytes,
    recall: recall.recall,
    firstToken: recall.firstToken,
    recallRatio: recall.compressionRatio,
    recallByteRatio: recall.byteRatio,
    recallLiveBytes: recall.liveBytes,
    tokensPerSecond: recall.tokensPerSecond,
    cells: recall.cells,
    kinds: recall.kinds,
    measured,
    nats: text.nats.map((value) => Math.round(value * 1e5) / 1e5),
    ...training,
  };
  console.error(`${name}: perplexity ${row.perplexity.toFixed(3)}, first token ${row.firstToken.toFixed(3)}`);
  return row;
}

/** A policy with budgets that hold as many live bytes as a DMC model does, in texts and in recall tasks. */
async function matched(name, model, make, dmc) {
  const text = async (budget) => {
    const tokens = heldOut.subarray(0, 4 * textWindow);
    return (await scoreWindows({ model, policy: make(budget), tokens, window: textWindow })).liveBytes;
  };
  const recall = async (budget) =>
    (await evaluateRecall({ model, policies: [make(budget)], ...recallCells }))[0].liveBytes;
  const guess = lastTable?.rows.find((row) => row.name === name)?.budgets;
  const budgets = {
    text: await budgetFor(text, dmc.textLiveBytes, guess?.text ?? textWindow / dmc.textRatio),
    recall: await budgetFor(recall, dmc.recallLiveBytes, guess?.recall ?? 64),
  };
  return score(name, model, (use) => make(budgets[use]), { budgets });
}

/** The smallest budget, found by a few secant steps, whose live bytes come nearest to the wanted ones. */
async function budgetFor(bytesOf, wanted, first) {
  let budget = Math.max(5, Math.round(first));
  let best = { budget, error: Number.POSITIVE_INFINITY };
  for (let i = 0; i < 4; i++) {
    const bytes = await bytesOf(budget);
    const error = Math.abs(bytes / wanted - 1);
    if (error < best.error) best = { budget, error };
    const next = Math.max(5, Math.round((budget * wanted) / bytes));
    if (next === budget || error < 0.01) break;
    budget = next;
  }
  return best.budget;
}

/** Tokens and minutes that a model was trained for, with the runs whose checkpoints it started from. */
function trained(name) {
  let [tokens, seconds] = [0, 0];
  for (let run = join(folder, name), upTo = Number.POSITIVE_INFINITY; run !== undefined; ) {
    const part = pass(run, upTo);
    if (part === undefined) return recorded(name); // the base, or a model that is here without its run
    tokens += part.tokens;
    seconds += part.seconds;
    [run, upTo] = startOf(run);
  }
  return { trainedTokens: tokens, trainedMinutes: seconds / 60 };
}

/** What the last table says of a model's training. */
function recorded(name) {
  const { trainedTokens, trainedMinutes } = lastTable?.rows.find((row) => row.name === name) ?? {};
  return trainedTokens === undefined ? {} : { trainedTokens, trainedMinutes };
}

/** Run and step of the checkpoint that a run started from; nothing where it started from a model. */
function startOf(run) {
  const checkpoints = join(run, "checkpoints");
  const last = readdirSync(checkpoints).sort().at(-1);
  const { recipe } = JSON.parse(readFileSync(join(checkpoints, last, "state.json"), "utf8"));
  const from = /^(.*)\/checkpoints\/step-(\d+)$/.exec(recipe.model.from ?? "");
  return from ? [from[1], Number(from[2])] : [];
}

/** Tokens and seconds of a run's first steps, by its log; a step that was done again after an interruption counts once. */
function pass(run, upTo) {
  const path = join(run, "events.jsonl");
  if (!existsSync(path)) return undefined;
  const times = new Map();
  let tokens = 0;
  let before;
  for (const line of readFileSync(path, "utf8").trim().split("\n")) {
    const event = JSON.parse(line);
    const now = Date.parse(event.time);
    if (event.type === "step" && event.step <= upTo) {
      times.set(event.step, (now - before) / 1000);
      tokens = Math.max(tokens, event.tokens);
    }
    before = now;
  }
  return { tokens, seconds: [...times.values()].reduce((a, b) => a + b, 0) };
}
