import { Command, Option } from "commander";
import { resolvePath } from "../model/resolve.js";
import { commonOptions } from "../options.js";
import { interruptible } from "../terminal/interruptible.js";
import { print } from "../terminal/output.js";
import { Progress } from "../terminal/progress.js";

/** `kvfold convert IN OUT`: writes a model as a Hugging Face folder. */
export function convertCommand(): Command {
  return commonOptions(new Command("convert"))
    .summary("write a Hugging Face folder")
    .description("Writes a GGUF file (or another folder) as a Hugging Face folder. Nothing is overwritten.")
    .argument("<IN>", ".gguf file, folder, hub id, or demo")
    .argument("<OUT>", "new folder")
    .addOption(new Option("--dtype <type>", "type of the weights").choices(["f32", "f16", "bf16"]).default("f32"))
    .action(run);
}

async function run(
  input: string,
  folder: string,
  { dtype }: { readonly dtype: "f32" | "f16" | "bf16" },
): Promise<void> {
  const { convertToFolder } = await import("@kvfold/models");
  const path = await resolvePath(input);
  const progress = new Progress("converting");
  try {
    await interruptible((signal) =>
      convertToFolder(path, folder, { dtype, signal, onProgress: (done, total) => progress.update(done, total) }),
    );
  } finally {
    progress.end();
  }
  print(`${folder} holds ${input} in ${dtype}`);
}
