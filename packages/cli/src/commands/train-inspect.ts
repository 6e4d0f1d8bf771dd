import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RunSummary } from "@kvfold/train";
import { Command } from "commander";
import { commonOptions, jsonOption } from "../options.js";
import { figure } from "../terminal/figures.js";
import { print, printJson, printTable } from "../terminal/output.js";
import { type InspectShardFlags, inspectShard } from "../train/inspect-shard.js";
import { UsageError } from "../usage-error.js";

/** `kvfold train inspect RUN`: how far a run has come; of a file of tokens, what it holds. */
export function trainInspectCommand(): Command {
  return commonOptions(new Command("inspect"))
    .summary("how far a run has come, or what a file of tokens holds")
    .description(
      "Shows how far a run has come: its last step, evaluations and alarms. Of a .kvtok file: counts, checksums and how it\n" +
        "begins.",
    )
    .argument("<RUN>", "folder of a run, its events.jsonl, or a .kvtok file")
    .option("--tokenizer <model>", "of a .kvtok file: show the text that it begins with")
    .option("--verify", "of a .kvtok file: read all tokens and compare their checksum")
    .addOption(jsonOption())
    .action(run);
}

async function run(path: string, flags: InspectShardFlags): Promise<void> {
  if (path.endsWith(".kvtok")) {
    await inspectShard(path, flags);
    return;
  }
  const { readRun } = await import("@kvfold/train");
  const summary = readRun(eventsOf(path));
  if (flags.json) printJson(summary);
  else show(summary);
}

function eventsOf(path: string): string {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, "events.jsonl") : path;
  if (existsSync(file)) return file;
  throw new UsageError(`${path} is no run: there is no ${file}.`);
}

function show({ start, last, evaluations, alarms, checkpoint, end }: RunSummary): void {
  const step = end?.step ?? last?.step ?? start?.step ?? 0;
  const steps = last?.steps ?? start?.steps;
  print(`step ${step} of ${steps ?? "?"}${end === undefined ? "" : `, ${end.reason}`}`);
  if (last !== undefined) {
    const ratio = last.ratio === undefined ? "" : `, CR ${figure(last.ratio, 2)} of ${figure(last.targetRatio, 2)}`;
    print(`${last.stage}: loss ${figure(last.loss, 4)}, cross-entropy ${figure(last.crossEntropy, 4)}${ratio}`);
  }
  if (checkpoint !== undefined) print(`last checkpoint: ${checkpoint.path}`);
  for (const { step: at, code, message } of alarms) print(`alarm at step ${at}: ${code}: ${message}`);
  if (evaluations.length === 0) return;
  print("");
  printTable(
    [{ head: "step", align: "right" }, { head: "perplexity" }, { head: "CR" }, { head: "recall" }, { head: "" }],
    evaluations.map((row) => [
      figure(row.step),
      figure(row.perplexity, 3),
      figure(row.ratio, 2),
      figure(row.recall, 3),
      row.best ? "best" : "",
    ]),
  );
}
