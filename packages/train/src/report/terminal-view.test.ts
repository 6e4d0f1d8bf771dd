import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { startEvent, stepEvent } from "./example-events.js";
import { duration, short } from "./figures.js";
import { terminalView } from "./terminal-view.js";
import type { EvaluationEvent } from "./training-event.js";

const evaluation: EvaluationEvent = {
  type: "evaluation",
  step: 75,
  perplexity: 40.6,
  ratio: 1.8,
  recall: 0.47,
  best: true,
};

function record(live: boolean, size: { columns?: number; rows?: number } = {}) {
  const written: string[] = [];
  const clock = { now: 0 };
  const stream = { ...size, write: (text: string) => written.push(text) };
  return { written, clock, view: terminalView({ stream, live, now: () => clock.now }) };
}

/** What a terminal shows after all that was written; every line must fit. */
function screen(written: readonly string[], columns = 80): string[] {
  const lines: string[] = [];
  let row = 0;
  for (const text of written
    .join("")
    .replaceAll("\x1b[", "^")
    .split(/(?<=\n|A\r|\^J)/)) {
    const up = /^\^(\d+)A\r/.exec(text)?.[1];
    if (up !== undefined) {
      row -= Number(up);
      expect(row).toBeGreaterThanOrEqual(0);
    } else if (text.endsWith("^J")) lines.length = row;
    else {
      lines[row] = stripVTControlCharacters(text.replaceAll("^", "\x1b[")).trimEnd();
      expect(lines[row]?.length).toBeLessThan(columns);
      row++;
    }
  }
  return lines;
}

describe("terminalView, live", () => {
  it("shows everything on one screen", () => {
    const { written, clock, view } = record(true);
    view.observe(startEvent());
    clock.now = 1000;
    view.observe(evaluation);
    clock.now = 2000;
    view.observe({ type: "alarm", step: 90, code: "ratio-behind", message: "CR 1.2 of 2.0." });
    clock.now = 3000;
    view.observe(stepEvent());
    expect(screen(written)).toMatchInlineSnapshot(`
      [
        "500 steps of 4,096 tokens, 4.26M weights, backend native",
        "step 100/500  ramp  20 %  [########-------------------------------]",
        "loss 3.5000  CE 3.2500  compression 0.2500  learning rate 1.00e-3  norm 0.500",
        "CR 1.90 of 2.00  410k tokens  2,500 tok/s  MFU 41.0 %  10 min 55 s left",
        "evaluation of step 75: perplexity 40.600, CR 1.80, recall 47.0 % (best)",
        "alarm at step 90: ratio-behind: CR 1.2 of 2.0.",
        "CR by layer (0-3, across) and KV head (down)",
        "head  0   ··▒▒██",
        "head  1   ▒▒▓▓██",
        "CR [ ]1 [·]1.1 [░]1.5 [▒]2 [▓]4 [█]8 and more",
      ]
    `);
  });

  it("redraws at most 4 times a second, and once more at the end", () => {
    const { written, clock, view } = record(true);
    for (let step = 1; step <= 100; step++) {
      clock.now = step * 10;
      view.observe(stepEvent({ step }));
    }
    expect(written.length).toBeLessThanOrEqual(5);
    view.observe({ type: "end", step: 100, reason: "interrupted", seconds: 61 });
    view.close?.();
    expect(screen(written).at(-5)).toBe("interrupted after step 100, 1 min 1 s");
  });

  it.each([
    [30, 8],
    [45, 12],
    [80, 3],
    [120, 50],
  ])("fits into %i x %i", (columns, rows) => {
    const { written, clock, view } = record(true, { columns, rows });
    view.observe(startEvent());
    for (clock.now = 1000; clock.now < 5000; clock.now += 1000) {
      view.observe(stepEvent({ merged: Array.from({ length: 32 }, () => new Array<number>(32).fill(0.5)) }));
    }
    expect(screen(written, columns).length).toBeLessThan(rows);
  });

  it("draws no map for a run that compresses nothing", () => {
    const { written, view } = record(true);
    view.observe(
      stepEvent({ merged: undefined, ratio: undefined, targetRatio: undefined, mfu: undefined, stage: "pretrain" }),
    );
    expect(screen(written)).toHaveLength(3);
    expect(written.join("")).not.toMatch(/CR|MFU/);
  });
});

describe("terminalView, plain", () => {
  it("writes a line every hundredth of the run, and what else happens as it comes", () => {
    const { written, view } = record(false);
    view.observe(startEvent({ step: 3 }));
    for (let step = 4; step <= 10; step++) view.observe(stepEvent({ step, steps: 501 }));
    view.observe(evaluation);
    view.observe({ type: "checkpoint", step: 10, path: "run/step-10" });
    view.observe(stepEvent({ step: 501, steps: 501 }));
    view.observe({ type: "end", step: 501, reason: "finished", seconds: 5 });
    expect(written.join("")).toBe(
      [
        "resumed at step 3 of 500 of 4,096 tokens, 4.26M weights, backend native",
        "step 6/501  ramp  loss 3.5000  CE 3.2500  compression 0.2500  CR 1.90 of 2.00  410k tokens  2,500 tok/s  MFU 41.0 %  10 min 55 s left",
        "evaluation of step 75: perplexity 40.600, CR 1.80, recall 47.0 % (best)",
        "checkpoint of step 10: run/step-10",
        "step 501/501  ramp  loss 3.5000  CE 3.2500  compression 0.2500  CR 1.90 of 2.00  410k tokens  2,500 tok/s  MFU 41.0 %  10 min 55 s left",
        "finished after step 501, 5 s",
        "",
      ].join("\n"),
    );
  });

  it("survives figures that are none", () => {
    const { written, view } = record(false);
    view.observe(stepEvent({ loss: Number.NaN, ratio: Number.POSITIVE_INFINITY, secondsLeft: Number.NaN, step: 500 }));
    expect(written.join("")).toContain("loss NaN");
    expect(written.join("")).toContain("CR Infinity");
    expect(written.join("")).toContain("? left");
  });
});

it("tells durations and large numbers", () => {
  expect([8, 200, 7500, 273_600].map(duration)).toEqual(["8 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"]);
  expect([512, 4_262_144, 6_738_415_616].map(short)).toEqual(["512", "4.26M", "6.74G"]);
});
