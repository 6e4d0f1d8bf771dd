import { readFileSync } from "node:fs";
import type {
  AlarmEvent,
  CheckpointEvent,
  EndEvent,
  EvaluationEvent,
  StartEvent,
  StepEvent,
  TrainingEvent,
} from "./training-event.js";

/** How far a run has come; undefined for what has not happened yet. */
export interface RunSummary {
  /** The last start. */
  readonly start: StartEvent | undefined;
  /** The last step. */
  readonly last: StepEvent | undefined;
  readonly evaluations: readonly EvaluationEvent[];
  readonly alarms: readonly AlarmEvent[];
  /** The last checkpoint. */
  readonly checkpoint: CheckpointEvent | undefined;
  /** How the run ended; undefined while it goes, and when its process was killed. */
  readonly end: EndEvent | undefined;
}

/**
 * Reads the events of a run, as `jsonlObserver` writes them. A line that is half written is passed over.
 *
 * @param path an `events.jsonl`
 */
export function readRun(path: string): RunSummary {
  const events = readFileSync(path, "utf8").split("\n").flatMap(parseEvent);
  const all = <T extends TrainingEvent["type"]>(type: T) =>
    events.filter((event): event is Extract<TrainingEvent, { type: T }> => event.type === type);
  const started = events.findLastIndex(({ type }) => type === "start");
  const ended = events.findLastIndex(({ type }) => type === "end");
  return {
    start: all("start").at(-1),
    last: all("step").at(-1),
    evaluations: all("evaluation"),
    alarms: all("alarm"),
    checkpoint: all("checkpoint").at(-1),
    end: ended > started ? all("end").at(-1) : undefined,
  };
}

function parseEvent(line: string): TrainingEvent[] {
  try {
    const { time: _, ...event } = JSON.parse(line) as TrainingEvent & { time?: string };
    return [event as TrainingEvent];
  } catch {
    return [];
  }
}
