import { Command } from "commander";
import { trainInspectCommand } from "./train-inspect.js";
import { trainRunCommand } from "./train-run.js";
import { trainTokenizeCommand } from "./train-tokenize.js";
import { trainValidateCommand } from "./train-validate.js";

/** `kvfold train ...`: everything around a training run. */
export function trainCommand(): Command {
  const train = new Command("train")
    .summary("pre-train, uptrain or retrofit, by a recipe")
    .description("Trains models by recipe files; recipes to start from are in the package @kvfold/train.")
    .usage("<command> [arguments]")
    .helpCommand(false);
  for (const make of [trainRunCommand, trainValidateCommand, trainTokenizeCommand, trainInspectCommand])
    train.addCommand(make());
  return train;
}
