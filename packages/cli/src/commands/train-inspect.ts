import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RunSummary } from "@kvfold/train";
import { Command } from "commander";
import { commonOptions, jsonOption } from "../options.js";
import { figure } from "../terminal/figures.js";
import { print, printJson, printTable } from "../terminal/output.js";
import { UsageError } from "../usage-error.js";

/** `kvfold train inspect RUN`: how far a run has come. */
export function trainInspectCommand(): Command {
  return commonOptions(new Command("inspect"))
    .summary("how far a run has come")
    .description("Shows how far a run has come: its last step, evaluations and alarms.")
    .argument("<RUN>", "folder of a run, or its events.jsonl")
    .addOption(jsonOption())
    .action(run);
}

async function run(path: string, { json }: { readonly json?: boolean }): Promise<void> {
  const { readRun } = await import("@kvfold/train");
  const summary = readRun(eventsOf(path));
  if (json) printJson(summary);
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
