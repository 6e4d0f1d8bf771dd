import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { type EvalRow, evalRow } from "../eval-row.js";
import { noteLongContext, type OpenedModel, openModel } from "../model/open-model.js";
import { defaultSpecs } from "../model/policies.js";
import {
  cacheOption,
  commonOptions,
  type EngineOptions,
  engineOptions,
  jsonOption,
  policiesOption,
  wholeNumber,
} from "../options.js";
import { bytes, figure } from "../terminal/figures.js";
import { interruptible } from "../terminal/interruptible.js";
import { note, printJson, printTable } from "../terminal/output.js";
import { Progress } from "../terminal/progress.js";
import { UsageError } from "../usage-error.js";

interface Options extends EngineOptions {
  readonly text?: string;
  readonly recall?: boolean;
  readonly policy?: readonly string[];
  readonly tokens?: number;
  readonly cache: string;
  readonly json?: boolean;
}

/** `kvfold eval MODEL --text FILE | --recall`: quality, bytes and speed of policies, by decoding through the cache. */
export function evalCommand(): Command {
  return engineOptions(commonOptions(new Command("eval")))
    .summary("quality, bytes and speed of policies")
    .description(
      "Scores cache policies by decoding through the cache: perplexity, divergence and agreement with the full cache on a\n" +
        "text, or recall of stated facts; beside them tokens, entries, bytes and speed.",
    )
    .argument("<MODEL>", "folder, .gguf file, hub id, or demo")
    .option("--text <file>", "one run over the first tokens of this UTF-8 text")
    .option("--recall", "associative recall: facts are stated, prose follows, one is asked")
    .addOption(policiesOption())
    .option("--tokens <n>", "tokens of the text (default: all, at most the trained context)", wholeNumber(2))
    .addOption(cacheOption())
    .addOption(jsonOption())
    .action(run);
}

async function run(name: string, options: Options): Promise<void> {
  if (options.text === undefined && !options.recall) throw new UsageError("Give --text FILE or --recall (or both).");
  if (options.text === undefined && options.tokens !== undefined)
    throw new UsageError("--tokens counts tokens of a text; give --text FILE with it.");
  const text = options.text === undefined ? undefined : await readText(options.text);
  const opened = await openModel(name, (config) => options.policy ?? defaultSpecs(config), options);
  const tokens = text === undefined ? undefined : chooseTokens(opened, text, options);
  const rows = await interruptible((signal) => evaluate(opened, tokens, options, signal));
  if (options.json) {
    printJson({ model: name, cache: options.cache, tokens: tokens?.length ?? rows[0]?.tokens, results: rows });
    return;
  }
  printTable(
    [
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
    ].map((head) => ({ head })),
    rows.map((row) => [
      row.policy,
      figure(row.perplexity, 3),
      figure(row.kld, 4),
      figure(row.top1Agreement, 3),
      figure(row.recall, 3),
      figure(row.tokens),
      figure(row.entries),
      figure(row.compressionRatio, 2),
      figure(row.byteRatio, 2),
      bytes(row.liveBytes),
      figure(row.tokensPerSecond, 1),
    ]),
  );
}

async function evaluate(
  { model, policies }: OpenedModel,
  tokens: Int32Array | undefined,
  { recall, cache: codec }: Options,
  signal: AbortSignal,
): Promise<EvalRow[]> {
  const { evaluateRecall, evaluateText } = await import("@kvfold/eval");
  const all = policies.map(({ policy }) => policy);
  const progress = new Progress("evaluating");
  const onProgress = (done: number, total: number) => progress.update(done, total);
  try {
    const texts = tokens && (await evaluateText({ model, tokens, policies: all, codec, signal, onProgress }));
    const recalls = recall ? await evaluateRecall({ model, policies: all, codec, signal, onProgress }) : undefined;
    return policies.map(({ spec }, i) => evalRow(spec, texts?.[i], recalls?.[i]));
  } finally {
    progress.end();
  }
}

/** The first N tokens of the text. */
function chooseTokens({ model }: OpenedModel, text: string, options: Options): Int32Array {
  const all = model.tokenizer.encode(text);
  const wanted = options.tokens ?? Math.min(all.length, model.config.maxPositions);
  const chosen = all.slice(0, wanted);
  if (chosen.length < 2)
    throw new UsageError(`--text ${options.text}: the text has ${all.length} tokens; at least 2 are needed.`);
  if (options.tokens === undefined && chosen.length < all.length) {
    note(
      `note: the first ${wanted} of ${all.length} tokens, the context that this model was trained with; --tokens takes more.`,
    );
  }
  if (options.tokens !== undefined && options.tokens > all.length) {
    note(`note: the text has only ${all.length} tokens.`);
  }
  noteLongContext(model, chosen.length);
  return chosen;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const { KvfoldError } = await import("@kvfold/core");
    throw new KvfoldError("file-unreadable", `Cannot read ${path}: ${(cause as Error).message}.`, { cause });
  }
}
