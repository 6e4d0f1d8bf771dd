import { readFile } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import type { TextResult } from "@kvfold/eval";
import { Command } from "commander";
import { type OpenedModel, openModel } from "../model/open-model.js";
import { backendOption, commonOptions } from "../options.js";
import { bytes, figure } from "../terminal/figures.js";
import { Interrupted, interruptible } from "../terminal/interruptible.js";
import { print, printTable } from "../terminal/output.js";
import { Progress } from "../terminal/progress.js";

/**
 * The plain model under policies that need no training, and the models that were taught to merge and to evict. Budgets are small, so that
 * policies differ on a text of a page.
 */
const SPECS = {
  "demo-plain": ["full", "window:sinks=4,recent=60", "h2o:budget=64", "tova:budget=64"],
  demo: ["dmc"],
  "demo-dms": ["dms"],
} as const;
/** Paragraphs of the page that are the prompt: longer than the budgets. */
const PROMPT_PARAGRAPHS = 5;
const NEW_TOKENS = 24;
const PAGE_TOKENS = 256;

/** `kvfold demo`: the same prompt and page under every policy, with the bundled models. */
export function demoCommand(): Command {
  return commonOptions(new Command("demo"))
    .summary("every policy at work on a small model")
    .description(
      "Generates from one prompt, and scores one page, under every cache policy; needs no network. 'dmc' and 'dms' run " +
        "the bundled models that were taught to merge and to evict, the others the plain one that they were made from.",
    )
    .addOption(backendOption())
    .action(run);
}

async function run({ backend }: { readonly backend: string }): Promise<void> {
  const { pagePath } = await import("@kvfold/demo-model");
  const models: OpenedModel[] = [];
  for (const [name, specs] of Object.entries(SPECS)) models.push(await openModel(name, () => specs, { backend }));
  const page = await readFile(pagePath, "utf8");
  await interruptible(async (signal) => {
    await continuePrompt(models, page, signal);
    await scorePage(models, page, signal);
  });
}

async function continuePrompt(models: readonly OpenedModel[], page: string, signal: AbortSignal): Promise<void> {
  const prompt = page.split("\n\n").slice(0, PROMPT_PARAGRAPHS).join("\n\n");
  const width = Math.max(...models.flatMap(({ policies }) => policies.map(({ spec }) => spec.length)));
  for (const [i, { model, policies }] of models.entries()) {
    const tokens = model.tokenizer.encode(prompt);
    if (i === 0) {
      print(`Prompt (${tokens.length} tokens): ${oneLine(prompt).slice(0, 60)} ... ${oneLine(prompt).slice(-40)}\n`);
    }
    for (const { spec, policy } of policies) {
      const generation = model.generate(tokens, { policy, maxTokens: NEW_TOKENS, ignoreEos: true, signal });
      const { rows } = await generation.result();
      await setImmediate(); // lets Ctrl-C through
      if (signal.aborted) throw new Interrupted();
      print(`${spec.padEnd(width)}  ...${oneLine(rows[0]?.text ?? "")}`);
    }
  }
}

async function scorePage(models: readonly OpenedModel[], page: string, signal: AbortSignal): Promise<void> {
  const { evaluateText } = await import("@kvfold/eval");
  const progress = new Progress("scoring the page");
  const rows: string[][] = [];
  for (const { model, policies } of models) {
    const tokens = model.tokenizer.encode(page).slice(0, PAGE_TOKENS);
    const results = await evaluateText({
      model,
      tokens,
      policies: policies.map(({ policy }) => policy),
      signal,
      onProgress: (done, total) => progress.update(done, total),
    }).finally(() => progress.end());
    rows.push(...results.map((result, i) => row(policies[i]?.spec ?? result.policy, result)));
  }
  print(`\nThe first ${PAGE_TOKENS} tokens of a page of "Pride and Prejudice", decoded through each cache:\n`);
  printTable(
    ["policy", "tokens", "entries", "CR", "live bytes", "perplexity", "tok/s"].map((head) => ({ head })),
    rows,
  );
  print(
    "\n'dmc' runs the bundled model that was taught to merge tokens into the last entry, 'dms' the one that was taught to evict,\n" +
      "the other policies the plain one that both were made from. One page is no test: 'kvfold eval' measures more.",
  );
}

function row(spec: string, result: TextResult): string[] {
  return [
    spec,
    figure(result.tokens),
    figure(result.entries),
    figure(result.compressionRatio, 2),
    bytes(result.liveBytes),
    figure(result.perplexity, 2),
    figure(result.tokensPerSecond, 1),
  ];
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}
