import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startEvent, stepEvent } from "./example-events.js";
import { jsonlObserver } from "./jsonl-observer.js";
import type { TrainingEvent } from "./training-event.js";

let path: string;
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), "kvfold-events-")), "run", "events.jsonl");
});
afterEach(() => rmSync(join(path, "..", ".."), { recursive: true, force: true }));

const read = () =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as TrainingEvent & { time: string });

function write(...events: readonly TrainingEvent[]): void {
  const observer = jsonlObserver(path, () => 0);
  for (const event of events) observer.observe(event);
  observer.close?.();
}

const steps = () => read().map(({ type, step }) => `${type} ${step}`);

describe("jsonlObserver", () => {
  it("writes one line an event, with its time", () => {
    const event = stepEvent();
    write(startEvent(), event);
    expect(read()).toEqual([
      { time: "1970-01-01T00:00:00.000Z", ...startEvent() },
      { time: "1970-01-01T00:00:00.000Z", ...event },
    ]);
  });

  it("is on the disk after each event, not only at the end", () => {
    jsonlObserver(path).observe(startEvent());
    expect(steps()).toEqual(["start 0"]);
  });

  it("says null for numbers that are none, and rounds parts merged", () => {
    write(startEvent(), stepEvent({ loss: Number.NaN, merged: [[1 / 3]] }));
    expect(read()[1]).toMatchObject({ loss: null, merged: [[0.3333]] });
  });

  it("cuts off the steps that a resumed run repeats, and a line that was half written", () => {
    write(startEvent(), stepEvent({ step: 1 }), stepEvent({ step: 2 }), stepEvent({ step: 3 }));
    appendFileSync(path, '{"type":"step","step":1,"lo');
    write(startEvent({ step: 2 }), stepEvent({ step: 3 }));
    expect(steps()).toEqual(["start 0", "step 1", "step 2", "start 2", "step 3"]);
    write(startEvent({ step: 1 }), stepEvent({ step: 2 }));
    expect(steps()).toEqual(["start 0", "step 1", "start 1", "step 2"]);
  });

  it("starts anew with a run that does", () => {
    write(startEvent(), stepEvent({ step: 1 }));
    write(startEvent());
    expect(steps()).toEqual(["start 0"]);
  });

  it("goes on where a run tells of no start", () => {
    write(startEvent(), stepEvent({ step: 1 }));
    write(stepEvent({ step: 2 }));
    expect(steps()).toEqual(["start 0", "step 1", "step 2"]);
  });
});
