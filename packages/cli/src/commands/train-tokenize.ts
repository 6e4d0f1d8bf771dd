import type { ShardHeader } from "@kvfold/train";
import { Command } from "commander";
import { resolvePath } from "../model/resolve.js";
import { commonOptions, jsonOption } from "../options.js";
import { figure } from "../terminal/figures.js";
import { interruptible } from "../terminal/interruptible.js";
import { print, printJson } from "../terminal/output.js";
import { Progress } from "../terminal/progress.js";

interface Flags {
  readonly tokenizer: string;
  readonly out: string;
  readonly field?: string;
  readonly normalizeBlanks?: boolean;
  readonly json?: boolean;
}

/** `kvfold train tokenize FILES... --tokenizer MODEL --out X.kvtok`: texts become one file of tokens. */
export function trainTokenizeCommand(): Command {
  return commonOptions(new Command("tokenize"))
    .summary("turn texts into a file of tokens")
    .description("Turns texts into one file of tokens, which training reads without a delay.")
    .argument("<FILES...>", "text, jsonl or parquet files; taken in this order")
    .requiredOption("--tokenizer <model>", "model whose tokenizer it is: folder, hub id, or demo")
    .requiredOption("--out <file>", "the file to write, such as novels.kvtok")
    .option("--field <name>", "field of jsonl, column of parquet that holds the text (default: text)")
    .option("--normalize-blanks", "for prose: one space for each run of blanks, no carriage returns")
    .addOption(jsonOption())
    .action(run);
}

async function run(files: readonly string[], flags: Flags): Promise<void> {
  const { tokenizeFiles } = await import("@kvfold/train");
  const tokenizer = await resolvePath(flags.tokenizer, true);
  const progress = new Progress("tokenizing");
  let shard: ShardHeader;
  try {
    shard = await interruptible((signal) =>
      tokenizeFiles(files, tokenizer, flags.out, {
        field: flags.field,
        normalizeBlanks: flags.normalizeBlanks,
        signal,
        onProgress: ({ doneBytes, totalBytes }) => progress.update(doneBytes, totalBytes),
      }),
    );
  } finally {
    progress.end();
  }
  if (flags.json) printJson({ path: flags.out, ...shard });
  else
    print(
      `${flags.out} holds ${figure(shard.length)} tokens of ${shard.bits} bits in ${figure(shard.documents)} documents`,
    );
}
