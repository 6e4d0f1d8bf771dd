import { describe, expect, it } from "vitest";
import { duration, Progress } from "./progress.js";

function record(isTTY: boolean) {
  const written: string[] = [];
  const clock = { now: 0 };
  const stream = { isTTY, write: (text: string) => written.push(text) };
  return { written, clock, progress: new Progress("loading", stream, () => clock.now) };
}

describe("Progress", () => {
  it("says nothing about work that takes less than a second", () => {
    const { written, clock, progress } = record(true);
    for (clock.now = 0; clock.now < 1000; clock.now += 50) progress.update(clock.now, 1000);
    progress.end();
    expect(written).toEqual([]);
  });

  it("redraws one line on a terminal, with the time left, and removes it", () => {
    const { written, clock, progress } = record(true);
    clock.now = 2000;
    progress.update(1, 4);
    clock.now = 2050; // too soon
    progress.update(2, 4);
    clock.now = 3000;
    progress.update(3, 4);
    progress.end();
    expect(written).toEqual([
      "\r\x1b[Kloading [######------------------] 25 %, 6 s left",
      "\r\x1b[Kloading [##################------] 75 %, 1 s left",
      "\r\x1b[K",
    ]);
  });

  it("writes plain lines, rarely, where nobody watches a terminal", () => {
    const { written, clock, progress } = record(false);
    for (clock.now = 0; clock.now <= 20_000; clock.now += 500) progress.update(clock.now, 40_000);
    progress.end();
    expect(written).toEqual(["loading: 2 %, 39 s left\n", "loading: 27 %, 29 s left\n"]);
  });

  it("survives totals of nothing and more than everything", () => {
    const { written, clock, progress } = record(false);
    clock.now = 2000;
    progress.update(0, 0);
    progress.update(5, 4);
    expect(written).toEqual(["loading: 100 %, 0 s left\n"]);
  });
});

it("tells durations", () => {
  expect([900, 59_000, 61_000, 3_660_000].map(duration)).toEqual(["1 s", "59 s", "1 min 1 s", "1 h 1 min"]);
});
