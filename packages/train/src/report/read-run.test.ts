import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startEvent, stepEvent } from "./example-events.js";
import { jsonlObserver } from "./jsonl-observer.js";
import { readRun } from "./read-run.js";
import type { TrainingEvent } from "./training-event.js";

it("says how far a run has come, resumed or not, and passes over a line that is half written", () => {
  const folder = mkdtempSync(join(tmpdir(), "kvfold-run-"));
  const path = join(folder, "events.jsonl");
  const write = (...events: readonly TrainingEvent[]) => {
    const observer = jsonlObserver(path);
    for (const event of events) observer.observe(event);
    observer.close?.();
  };
  const evaluation = { type: "evaluation", step: 1, perplexity: 40, best: true } as const;
  const checkpoint = { type: "checkpoint", step: 2, path: "run/2" } as const;
  const end = { type: "end", step: 2, reason: "interrupted", seconds: 9 } as const;
  write(startEvent(), stepEvent({ step: 1 }), evaluation, stepEvent({ step: 2 }), checkpoint, end);
  expect(readRun(path)).toEqual({
    start: startEvent(),
    last: stepEvent({ step: 2 }),
    evaluations: [evaluation],
    alarms: [],
    checkpoint,
    end,
  });
  write(startEvent({ step: 2 }), stepEvent({ step: 3 }));
  appendFileSync(path, '{"type":"step","st');
  expect(readRun(path)).toMatchObject({ last: { step: 3 }, end: undefined, checkpoint });
  rmSync(folder, { recursive: true });
});
