import type { RetrofitConfig } from "@kvfold/models";
import { Command, Option } from "commander";
import { resolvePath } from "../model/resolve.js";
import { commonOptions } from "../options.js";
import { interruptible } from "../terminal/interruptible.js";
import { print } from "../terminal/output.js";
import { Progress } from "../terminal/progress.js";
import { UsageError } from "../usage-error.js";

/** As in `GGUF_WEIGHT_TYPES` of `@kvfold/models`, which is not loaded to show a help text; the compiler compares them. */
const WEIGHTS = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"] as const;

interface ConvertFlags {
  readonly dtype?: "f32" | "f16" | "bf16";
  readonly weights?: (typeof WEIGHTS)[number];
  readonly tokenizer?: string;
  readonly dmc?: true;
}

/** `kvfold convert IN OUT`: writes a model as a Hugging Face folder, or as a GGUF file. */
export function convertCommand(): Command {
  return commonOptions(new Command("convert"))
    .summary("write a Hugging Face folder or a GGUF file")
    .description(
      "Writes a model as a Hugging Face folder, or as a GGUF file when OUT ends in .gguf. Nothing is overwritten. IN may also " +
        "be a Megatron-core checkpoint of a Llama model (the folder of a run, of an iteration, or a .pt file), with DMC or without.",
    )
    .argument("<IN>", ".gguf file, folder, hub id, Megatron checkpoint, or demo")
    .argument("<OUT>", "new folder, or new .gguf file")
    .addOption(new Option("--dtype <type>", "weights of a folder (default f32)").choices(["f32", "f16", "bf16"]))
    .addOption(new Option("--weights <type>", "matrices of a .gguf file (default Q8_0)").choices(WEIGHTS))
    .option("--tokenizer <folder>", "for a Megatron checkpoint: folder or .gguf file whose tokenizer it uses")
    .option("--dmc", "for a Megatron checkpoint trained with DMC whose arguments do not say so: NVIDIA's defaults")
    .action((input: string, out: string, flags: ConvertFlags) =>
      /\.gguf$/i.test(out) ? toGguf(input, out, flags) : toFolder(input, out, flags),
    );
}

async function toFolder(input: string, folder: string, flags: ConvertFlags): Promise<void> {
  const { dtype = "f32", weights, ...megatron } = flags;
  if (weights !== undefined) {
    throw new UsageError(
      `--weights is for .gguf files; name OUT something.gguf, or use --dtype for the folder ${folder}.`,
    );
  }
  const { convertToFolder } = await import("@kvfold/models");
  const path = await resolvePath(input);
  const { config } = await withProgress((options) => convertToFolder(path, folder, { dtype, ...megatron, ...options }));
  print(`${folder} holds ${input} in ${dtype}`);
  if (megatron.tokenizer !== undefined) print(retrofitLine(config.retrofit));
}

/** What a Megatron checkpoint was taken for, since its arguments may be silent about it. */
function retrofitLine(retrofit: RetrofitConfig | undefined): string {
  if (retrofit?.method !== "dmc")
    return "a plain model: its arguments say nothing of DMC (--dmc if it was trained with it)";
  const { offset, window, targetCompressionRatio: ratio } = retrofit;
  const aim = ratio === undefined ? "" : `, trained for a ratio of ${Number(ratio.toFixed(2))}`;
  return `compresses with DMC: offset ${offset}, ${window === undefined ? "no window" : `window ${window}`}${aim}`;
}

async function toGguf(input: string, file: string, flags: ConvertFlags): Promise<void> {
  const { dtype, weights = "Q8_0", tokenizer, dmc } = flags;
  if (dtype !== undefined) throw new UsageError(`--dtype is for folders; use --weights for the file ${file}.`);
  if (tokenizer !== undefined || dmc) {
    throw new UsageError(
      "--tokenizer and --dmc are for Megatron checkpoints, which become folders; convert the folder then.",
    );
  }
  const { convertToGguf } = await import("@kvfold/models");
  const path = await resolvePath(input);
  const { keptF16 } = await withProgress((options) => convertToGguf(path, file, { weights, ...options }));
  print(`${file} holds ${input} in ${weights}`);
  if (keptF16.length > 0) {
    const names = keptF16.slice(0, 3).join(", ") + (keptF16.length > 3 ? ", ..." : "");
    print(`${keptF16.length} matrices stay in F16, their rows are not whole blocks of ${weights}: ${names}`);
  }
}

interface Watched {
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

async function withProgress<T>(convert: (options: Watched) => Promise<T>): Promise<T> {
  const progress = new Progress("converting");
  try {
    return await interruptible((signal) =>
      convert({ signal, onProgress: (done, total) => progress.update(done, total) }),
    );
  } finally {
    progress.end();
  }
}
