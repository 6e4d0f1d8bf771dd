import { totalmem } from "node:os";
import { Command } from "commander";
import { planPolicy, weightBytes } from "../model/plan.js";
import { defaultSpecs, readPolicies } from "../model/policies.js";
import { resolvePath } from "../model/resolve.js";
import { byteCount, commonOptions, jsonOption, policiesOption, wholeNumber } from "../options.js";
import { bytes, figure } from "../terminal/figures.js";
import { note, print, printJson, printTable } from "../terminal/output.js";

interface Options {
  readonly policy?: readonly string[];
  readonly context?: number;
  readonly memory?: number;
  readonly json?: boolean;
}

/** `kvfold plan MODEL`: what a cache will need, before any weight is loaded. */
export function planCommand(): Command {
  return commonOptions(new Command("plan"))
    .summary("bytes and FLOPs, before loading weights")
    .description(
      "Plans from the model's config alone: bytes a token, sequences that fit in memory beside the weights (float32), and\n" +
        "floating-point operations a token, for each policy. dmc is planned with the ratio it was retrofitted for.",
    )
    .argument("<MODEL>", "folder, .gguf file, hub id, or demo")
    .addOption(policiesOption())
    .option("--context <n>", "tokens of each sequence (default: the trained context)", wholeNumber(1))
    .option("--memory <bytes>", "memory for weights and caches, such as 8GB (default: this machine's)", byteCount)
    .addOption(jsonOption())
    .action(run);
}

async function run(name: string, options: Options): Promise<void> {
  const { readModelConfig } = await import("@kvfold/models");
  const config = await readModelConfig(await resolvePath(name, true));
  const specs = options.policy ?? defaultSpecs(config);
  const policies = await readPolicies(specs, config);
  const context = options.context ?? config.maxPositions;
  const memoryBytes = options.memory ?? totalmem();
  if (context > config.maxPositions) {
    note(
      `note: ${context} tokens are more than the context of ${config.maxPositions} that this model was trained with.`,
    );
  }
  const results = policies.map(({ spec, policy }) => ({
    policy: spec,
    ...planPolicy(policy, config, context, memoryBytes),
  }));
  if (options.json) {
    printJson({ model: name, context, memoryBytes, weightBytes: weightBytes(config), results });
    return;
  }
  print(
    `${name}: context ${figure(context)} tokens, weights ${bytes(weightBytes(config))} in float32, memory ${bytes(memoryBytes)}\n`,
  );
  printTable(
    ["policy", "entries", "bytes/token", "bytes/sequence", "sequences", "MFLOP/token"].map((head) => ({ head })),
    results.map((plan) => [
      plan.policy,
      figure(plan.entries),
      figure(plan.bytesPerToken, 1),
      bytes(plan.bytesPerSequence),
      figure(plan.sequences),
      figure(plan.flopsPerToken / 1e6, 1),
    ]),
  );
}
