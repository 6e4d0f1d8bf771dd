import { Command } from "commander";
import { commonOptions, jsonOption } from "../options.js";
import { print, printJson } from "../terminal/output.js";
import { describeRecipe } from "../train/describe-recipe.js";
import { readRecipeFile, setOption } from "../train/recipe-options.js";

interface Flags {
  readonly set?: readonly string[];
  readonly json?: boolean;
}

/** `kvfold train validate RECIPE`: what a recipe says, without running it. */
export function trainValidateCommand(): Command {
  return commonOptions(new Command("validate"))
    .summary("check a recipe and show it with every default")
    .description(
      "Checks a recipe and prints it with every default filled in: itself a recipe. Of the model only the config is read.",
    )
    .argument("<RECIPE>", "a recipe file (YAML)")
    .addOption(setOption())
    .addOption(jsonOption())
    .action(run);
}

async function run(path: string, { set, json }: Flags): Promise<void> {
  const recipe = await readRecipeFile(path, set);
  if (json) {
    printJson(recipe);
    return;
  }
  const { formatRecipe } = await import("@kvfold/train");
  print(
    `${describeRecipe(recipe)
      .map((line) => `# ${line}\n`)
      .join("")}\n${formatRecipe(recipe).trimEnd()}`,
  );
}
