import { Command } from "commander";
import { benchCommand } from "./commands/bench.js";
import { chatCommand } from "./commands/chat.js";
import { convertCommand } from "./commands/convert.js";
import { demoCommand } from "./commands/demo.js";
import { doctorCommand } from "./commands/doctor.js";
import { evalCommand } from "./commands/eval.js";
import { generateCommand } from "./commands/generate.js";
import { inspectCommand } from "./commands/inspect.js";
import { planCommand } from "./commands/plan.js";
import { policiesCommand } from "./commands/policies.js";
import { retrofitCommand } from "./commands/retrofit.js";
import { trainCommand } from "./commands/train.js";
import { version } from "./version.js";

/** The whole command table; one file a command. Heavy packages are imported by the commands when they run. */
const commands = [
  generateCommand,
  chatCommand,
  evalCommand,
  benchCommand,
  planCommand,
  trainCommand,
  retrofitCommand,
  convertCommand,
  inspectCommand,
  policiesCommand,
  doctorCommand,
  demoCommand,
];

/** The `kvfold` command line. Throws commander's errors in place of ending the process. */
export function program(): Command {
  const kvfold = new Command("kvfold")
    .description("Language models with a swappable, measured key-value cache.")
    .version(version)
    .usage("<command> [arguments], or kvfold <command> --help for its options")
    .helpCommand(false)
    .configureHelp({
      subcommandTerm: (command) => `${command.name()} ${command.usage().replace("[options]", "").trim()}`,
    })
    .exitOverride()
    .addHelpText(
      "after",
      "\nMODEL is a Hugging Face folder, a .gguf file, a hub id (owner/name), or demo.\n" +
        "Exit codes: 0 done, 1 failed, 2 wrong command line, 130 stopped by Ctrl-C.",
    );
  for (const make of commands) {
    const command = make();
    inherit(command, kvfold);
    kvfold.addCommand(command);
  }
  return kvfold;
}

/** Commands of commands too throw errors in place of ending the process. */
function inherit(command: Command, from: Command): void {
  command.copyInheritedSettings(from);
  for (const inner of command.commands) inherit(inner, command);
}
