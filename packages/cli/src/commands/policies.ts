import { Command } from "commander";
import { commonOptions, jsonOption } from "../options.js";
import { print, printJson } from "../terminal/output.js";
import { table } from "../terminal/table.js";

/** `kvfold policies`: every policy, its options, their meaning and defaults. */
export function policiesCommand(): Command {
  return commonOptions(new Command("policies"))
    .summary("cache policies and their options")
    .description("Lists every cache policy: how its SPEC is written, and what each option means.")
    .addOption(jsonOption())
    .action(run);
}

async function run({ json }: { readonly json?: boolean }): Promise<void> {
  const { modelPolicies } = await import("@kvfold/models");
  const listed = modelPolicies().map(({ name, summary, usage, options }) => ({
    name,
    summary,
    usage,
    options: Object.entries(options).map(([option, { kind, meaning, default: byDefault }]) => ({
      name: option,
      kind,
      meaning,
      default: byDefault,
    })),
  }));
  if (json) {
    printJson(listed);
    return;
  }
  const blocks = listed.map(({ name, summary, usage, options }) => {
    const columns = (["left", "left", "left"] as const).map((align) => ({ head: "", align }));
    const rows = options.map((option) => [
      `  ${option.name}`,
      option.kind,
      `${option.meaning} (default ${option.default})`,
    ]);
    const written = options.length > 0 ? `${name}:option=value,...` : usage;
    return [written, `  ${summary}`, ...(rows.length > 0 ? table(columns, rows).split("\n").slice(1) : [])].join("\n");
  });
  print(blocks.join("\n\n"));
}
