import { setImmediate } from "node:timers/promises";
import { Command } from "commander";
import { noteLongContext, openModel } from "../model/open-model.js";
import { defaultSpec } from "../model/policies.js";
import {
  cacheOption,
  commonOptions,
  type EngineOptions,
  engineOptions,
  jsonOption,
  policyOption,
  positiveNumber,
  wholeNumber,
} from "../options.js";
import { Interrupted, interruptible } from "../terminal/interruptible.js";
import { printJson } from "../terminal/output.js";

interface Options extends EngineOptions {
  readonly policy?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed?: number;
  readonly cache: string;
  readonly json?: boolean;
}

/** `kvfold generate MODEL PROMPT`: continues a text. */
export function generateCommand(): Command {
  return engineOptions(commonOptions(new Command("generate")))
    .summary("continue a text")
    .description("Continues a text. The continuation goes to stdout, as it comes.")
    .argument("<MODEL>", "folder, .gguf file, hub id, or demo")
    .argument("<PROMPT>", "the text to continue; - reads it from standard input")
    .addOption(policyOption())
    .option("--max-tokens <n>", "most tokens to generate", wholeNumber(1), 128)
    .option("--temperature <t>", "randomness; 0 takes the most likely token", positiveNumber, 0)
    .option("--seed <s>", "seed of the draws; the same seed gives the same text", wholeNumber(0))
    .addOption(cacheOption())
    .addOption(jsonOption())
    .action(run);
}

async function run(name: string, given: string, options: Options): Promise<void> {
  const prompt = given === "-" ? await standardInput() : given;
  const { model, policies } = await openModel(name, (config) => [options.policy ?? defaultSpec(config)], options);
  const { policy } = policies[0] as (typeof policies)[number];
  const { temperature, maxTokens } = options;
  const tokens = model.tokenizer.encode(prompt);
  noteLongContext(model, tokens.length + maxTokens);
  await interruptible(async (signal) => {
    const seed = options.seed === undefined ? {} : { seed: options.seed };
    const generation = model.generate(tokens, {
      policy,
      codec: options.cache,
      maxTokens,
      temperature,
      signal,
      ...seed,
    });
    for await (const { text } of generation) {
      if (!options.json && text !== "") process.stdout.write(text);
      await setImmediate(); // lets Ctrl-C through
    }
    const { rows, stats } = await generation.result();
    if (options.json) {
      const { prefillTokensPerSecond, decodeTokensPerSecond, timeToFirstTokenMs, cache } = stats;
      const { entries, liveBytes, compressionRatio } = cache;
      printJson({
        text: rows[0]?.text,
        tokens: rows[0]?.tokens,
        stats: {
          prefillTokensPerSecond,
          decodeTokensPerSecond,
          timeToFirstTokenMs,
          entries,
          liveBytes,
          compressionRatio,
        },
      });
    } else process.stdout.write("\n");
    if (signal.aborted) throw new Interrupted();
  });
}

async function standardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
