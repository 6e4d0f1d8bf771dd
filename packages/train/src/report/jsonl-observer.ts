import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import type { TrainingEvent, TrainingObserver } from "./training-event.js";

/**
 * Writes each event as one line of JSON, with the `time` it was seen (ISO 8601). Numbers that are not finite become null,
 * parts merged are rounded to four digits.
 *
 * A run that resumes at step N goes on in the same file: what the file tells about steps after N, which are done again, and
 * a line that a crash left half written are cut off first. A run that starts anew starts the file anew.
 *
 * @param path of the file, for example `events.jsonl` in the run's folder; folders are made
 * @param now milliseconds since 1970
 */
export function jsonlObserver(path: string, now: () => number = Date.now): TrainingObserver {
  let file: number | undefined;
  return {
    observe(event) {
      if (event.type === "start" || file === undefined) {
        if (file !== undefined) closeSync(file);
        mkdirSync(dirname(path), { recursive: true });
        keepSteps(path, event.type === "start" ? event.step : event.step - 1);
        file = openSync(path, "a");
      }
      writeSync(file, `${JSON.stringify({ time: new Date(now()).toISOString(), ...event }, rounded)}\n`);
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** Cuts off events of steps after `last`; with no steps done, all of them. Never leaves a half-written file. */
function keepSteps(path: string, last: number): void {
  if (!existsSync(path)) return;
  const kept =
    last <= 0
      ? []
      : readFileSync(path, "utf8")
          .split("\n")
          .filter((line) => (stepOf(line) ?? last + 1) <= last);
  writeFileSync(`${path}.new`, kept.map((line) => `${line}\n`).join(""));
  renameSync(`${path}.new`, path);
}

function stepOf(line: string): number | undefined {
  try {
    return (JSON.parse(line) as TrainingEvent).step;
  } catch {
    return undefined; // the last line of a process that was killed
  }
}

function rounded(this: unknown, key: string, value: unknown): unknown {
  return key === "merged" && Array.isArray(value)
    ? value.map((heads: readonly number[]) => heads.map((part) => Math.round(part * 1e4) / 1e4))
    : value;
}
