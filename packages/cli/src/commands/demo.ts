import { readFile } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { Command } from "commander";
import { type OpenedModel, openModel } from "../model/open-model.js";
import { backendOption, commonOptions } from "../options.js";
import { bytes, figure } from "../terminal/figures.js";
import { Interrupted, interruptible } from "../terminal/interruptible.js";
import { print, printTable } from "../terminal/output.js";
import { Progress } from "../terminal/progress.js";

/** Budgets are small, so that policies differ on a text of a page. */
const SPECS = ["full", "window:sinks=4,recent=60", "h2o:budget=64", "tova:budget=64", "dmc", "dmc:threshold=0.005"];
/** Paragraphs of the page that are the prompt: longer than the budgets. */
const PROMPT_PARAGRAPHS = 5;
const NEW_TOKENS = 24;
const PAGE_TOKENS = 256;

/** `kvfold demo`: the same prompt and page under every policy, with the bundled model. */
export function demoCommand(): Command {
  return commonOptions(new Command("demo"))
    .summary("every policy at work on a small model")
    .description("Generates from one prompt, and scores one page, under every cache policy; needs no network.")
    .addOption(backendOption())
    .action(run);
}

async function run({ backend }: { readonly backend: string }): Promise<void> {
  const { pagePath } = await import("@kvfold/demo-model");
  const opened = await openModel("demo", () => SPECS, { backend });
  const page = await readFile(pagePath, "utf8");
  await interruptible(async (signal) => {
    await continuePrompt(opened, page, signal);
    await scorePage(opened, page, signal);
  });
}

async function continuePrompt({ model, policies }: OpenedModel, page: string, signal: AbortSignal): Promise<void> {
  const prompt = page.split("\n\n").slice(0, PROMPT_PARAGRAPHS).join("\n\n");
  const tokens = model.tokenizer.encode(prompt);
  print(`Prompt (${tokens.length} tokens): ${oneLine(prompt).slice(0, 60)} ... ${oneLine(prompt).slice(-40)}\n`);
  const width = Math.max(...policies.map(({ spec }) => spec.length));
  for (const { spec, policy } of policies) {
    const generation = model.generate(tokens, { policy, maxTokens: NEW_TOKENS, ignoreEos: true, signal });
    const { rows } = await generation.result();
    await setImmediate(); // lets Ctrl-C through
    if (signal.aborted) throw new Interrupted();
    print(`${spec.padEnd(width)}  ...${oneLine(rows[0]?.text ?? "")}`);
  }
}

async function scorePage({ model, policies }: OpenedModel, page: string, signal: AbortSignal): Promise<void> {
  const { evaluateText } = await import("@kvfold/eval");
  const tokens = model.tokenizer.encode(page).slice(0, PAGE_TOKENS);
  const progress = new Progress("scoring the page");
  const results = await evaluateText({
    model,
    tokens,
    policies: policies.map(({ policy }) => policy),
    signal,
    onProgress: (done, total) => progress.update(done, total),
  }).finally(() => progress.end());
  print(`\nThe first ${tokens.length} tokens of a page of "Pride and Prejudice", decoded through each cache:\n`);
  printTable(
    ["policy", "tokens", "entries", "CR", "live bytes", "perplexity", "tok/s"].map((head) => ({ head })),
    results.map((result, i) => [
      policies[i]?.spec ?? result.policy,
      figure(result.tokens),
      figure(result.entries),
      figure(result.compressionRatio, 2),
      bytes(result.liveBytes),
      figure(result.perplexity, 2),
      figure(result.tokensPerSecond, 1),
    ]),
  );
  print(
    "\nThe bundled model is not retrofitted yet: under 'dmc' it appends almost every token, and a lower threshold makes it\n" +
      "merge without having learned what to merge, which costs quality. Learning that is what retrofitting by training does.",
  );
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}
