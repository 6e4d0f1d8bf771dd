import { Command, Option } from "commander";
import type { BenchRow } from "../bench/bench-row.js";
import type { MeasureOptions } from "../bench/measure.js";
import { noteLongContext, type OpenedModel, openModel } from "../model/open-model.js";
import { defaultSpecs } from "../model/policies.js";
import { heldFormat, type WeightFormat, weightFormats, weightStorage } from "../model/weight-format.js";
import {
  cacheOption,
  commonOptions,
  type EngineOptions,
  engineOptions,
  jsonOption,
  policiesOption,
  wholeNumber,
  wholeNumbers,
} from "../options.js";
import { bytes, figure } from "../terminal/figures.js";
import { interruptible } from "../terminal/interruptible.js";
import { print, printJson, printTable } from "../terminal/output.js";
import { Progress } from "../terminal/progress.js";
import { UsageError } from "../usage-error.js";

interface Options extends EngineOptions {
  readonly prompt: number;
  readonly gen: number;
  readonly depth: readonly number[];
  readonly policy?: readonly string[];
  readonly weights: WeightFormat;
  readonly cache: string;
  readonly repeat: number;
  readonly json?: boolean;
}

/** `kvfold bench MODEL`: speed of prefill and decoding, by policy and by depth. */
export function benchCommand(): Command {
  return engineOptions(commonOptions(new Command("bench")))
    .summary("speed of prefill and decoding, by depth")
    .description(
      "Measures tokens a second: a prompt, and decoding token by token, each on top of a cache that holds DEPTH tokens.\n" +
        "One unmeasured run, then the median of the repeats; policies take turns. Tokens are pseudo-random ids.",
    )
    .argument("<MODEL>", "folder, .gguf file, hub id, or demo")
    .option("--prompt <n>", "tokens of the timed prompt; 0: none", wholeNumber(0), 512)
    .option("--gen <n>", "tokens to decode; 0: none", wholeNumber(0), 128)
    .addOption(
      new Option("--depth <n,...>", "tokens in the cache before each run").argParser(wholeNumbers(0)).default([0], "0"),
    )
    .addOption(policiesOption())
    .addOption(
      new Option("--weights <format>", "format that weights are held in; file: as stored, where the backend can")
        .choices(weightFormats)
        .default("file"),
    )
    .addOption(cacheOption())
    .option("--repeat <n>", "measured runs", wholeNumber(1), 5)
    .addOption(jsonOption())
    .action(run);
}

async function run(name: string, options: Options): Promise<void> {
  const { prompt, gen, depth: depths, repeat } = options;
  if (prompt === 0 && gen === 0) throw new UsageError("--prompt 0 and --gen 0 leave nothing to measure.");
  const opened = await openModel(
    name,
    (config) => options.policy ?? defaultSpecs(config),
    options,
    weightStorage(options.weights),
  );
  const { model, policies, backend } = opened;
  noteLongContext(model, Math.max(...depths) + Math.max(prompt, gen));
  const rows = await interruptible((signal) =>
    measured(opened, { model, policies, codec: options.cache, prompt, gen, depths, repeat, signal }),
  );
  const activations = options.activations ?? "float32";
  if (options.json) {
    const { name: on, detail } = backend;
    printJson({ model: name, backend: on, detail, activations, prompt, gen, repeat, results: rows });
    return;
  }
  print(
    `${name}: backend ${backend.name} (${backend.detail}), weights ${heldFormat(model)}, ${activations} activations, cache ${options.cache}\n` +
      `prompt ${figure(prompt)}, gen ${figure(gen)}, median of ${repeat}; spread is (largest - smallest) / median\n`,
  );
  printTable(
    ["policy", "depth", "prefill tok/s", "spread", "decode tok/s", "spread", "entries", "CR", "live bytes"].map(
      (head) => ({ head }),
    ),
    rows.map((row) => [
      row.policy,
      figure(row.depth),
      figure(row.prefillTokensPerSecond, 1),
      percent(row.spread.prefill),
      figure(row.decodeTokensPerSecond, 1),
      percent(row.spread.decode),
      figure(row.entries),
      figure(row.compressionRatio, 2),
      bytes(row.liveBytes),
    ]),
  );
}

async function measured(
  { model, backend }: OpenedModel,
  options: Omit<MeasureOptions, "onProgress">,
): Promise<BenchRow[]> {
  const { measure } = await import("../bench/measure.js");
  const progress = process.stderr.isTTY ? new Progress("measuring") : undefined;
  try {
    const results = await measure({ ...options, onProgress: (done, total) => progress?.update(done, total) });
    return results.map(({ spec, depth, prefill, decode, stats: { entries, liveBytes, compressionRatio } }) => ({
      policy: spec,
      weights: heldFormat(model),
      cache: options.codec,
      threads: backend.threads ?? null,
      depth,
      prefillTokensPerSecond: prefill?.median ?? null,
      decodeTokensPerSecond: decode?.median ?? null,
      spread: { prefill: prefill?.spread ?? null, decode: decode?.spread ?? null },
      entries,
      liveBytes,
      compressionRatio,
    }));
  } finally {
    progress?.end();
  }
}

function percent(share: number | null): string {
  return share === null ? "-" : `${figure(share * 100, 1)} %`;
}
