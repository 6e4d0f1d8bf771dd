import { Command } from "commander";
import { backendOptions, commonOptions, jsonOption } from "../options.js";
import { readRecipeFile, setOption } from "../train/recipe-options.js";
import { runTraining, type TrainingFlags } from "../train/run-training.js";

interface Flags extends TrainingFlags {
  readonly set?: readonly string[];
}

/** `kvfold train run RECIPE`: trains. */
export function trainRunCommand(): Command {
  return trainingOptions(new Command("run"))
    .summary("train by a recipe")
    .description("Trains by a recipe. Ctrl-C stops with a checkpoint; --resume goes on from the last one, to the bit.")
    .argument("<RECIPE>", "a recipe file (YAML)")
    .action(async (path: string, flags: Flags) => runTraining(await readRecipeFile(path, flags.set), flags));
}

/** Adds what every command that trains has. */
export function trainingOptions(command: Command): Command {
  return backendOptions(commonOptions(command))
    .addOption(setOption())
    .option("--dry-run", "load everything and try one step, but write nothing")
    .option("--resume", "go on from the last checkpoint of the run, if there is one")
    .addOption(jsonOption());
}
