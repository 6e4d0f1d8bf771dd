import { Command, InvalidArgumentError, Option } from "commander";
import { recipeOf } from "../train/recipe-options.js";
import { runTraining, type TrainingFlags } from "../train/run-training.js";
import { trainingOptions } from "./train-run.js";

interface Flags extends TrainingFlags {
  readonly cr: number;
  readonly data: readonly string[];
  readonly out: string;
  readonly tokens?: string;
  readonly method: string;
  readonly set?: readonly string[];
}

/** `kvfold retrofit MODEL --cr 4 --data FILES... --out FOLDER`: the dial without a recipe file. */
export function retrofitCommand(): Command {
  return trainingOptions(new Command("retrofit"))
    .summary("teach a model to compress its cache")
    .description(
      "Teaches a model to compress its own cache. --cr sets steps, stages and schedule; --tokens the budget, and --set any\n" +
        "other key of a recipe ('kvfold train validate' shows them).",
    )
    .argument("<MODEL>", "folder, .gguf file, hub id, or demo")
    .requiredOption("--cr <ratio>", "tokens per entry to reach", ratio)
    .requiredOption("--data <files...>", "text, jsonl, parquet or .kvtok files; globs are allowed")
    .requiredOption("--out <folder>", "folder of the run: checkpoints, events, the exported model")
    .option("--tokens <n>", "budget, such as 5M (default: what the dial says)")
    .addOption(new Option("--method <name>", "how to compress").choices(["dmc", "dms"]).default("dmc"))
    .action(run);
}

async function run(model: string, flags: Flags): Promise<void> {
  const recipe = await recipeOf(
    {
      kind: "retrofit",
      model: { from: model },
      output: flags.out,
      cr: flags.cr,
      ...(flags.tokens === undefined ? {} : { tokens: flags.tokens }),
      data: { files: flags.data },
      method: { kind: flags.method },
    },
    flags.set,
  );
  await runTraining(recipe, flags);
}

function ratio(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 1) return value;
  throw new InvalidArgumentError("It must be a number above 1.");
}
