import { expect, it } from "vitest";
import { atOnce, inTurns, type Parts, turnMs } from "./parts.js";

/** Three parts of more than a turn each; notes what happens. */
function* slow(log: string[]): Parts<string> {
  try {
    for (const part of ["one", "two", "three"]) {
      const start = performance.now();
      while (performance.now() - start < turnMs + 1) {
        // a part that keeps the processor busy
      }
      log.push(part);
      yield;
    }
    return "done";
  } finally {
    log.push("cleaned up");
  }
}

it("runs all parts at once", () => {
  const log: string[] = [];
  expect(atOnce(slow(log))).toBe("done");
  expect(log).toEqual(["one", "two", "three", "cleaned up"]);
});

it("gives the event loop a turn behind parts that took long", async () => {
  const log: string[] = [];
  const running = inTurns(slow(log), () => log.push("turn"));
  expect(log).toEqual(["one"]);
  expect(await running).toBe("done");
  expect(log).toEqual(["one", "turn", "two", "turn", "three", "turn", "cleaned up"]);
});

it("gives none behind parts that took no time", async () => {
  let turns = 0;
  function* quick(): Parts<number> {
    for (let i = 0; i < 3; i++) yield;
    return 3;
  }
  expect(await inTurns(quick(), () => turns++)).toBe(3);
  expect(turns).toBe(0);
});

it("ends with the error of a check, and lets the parts clean up", async () => {
  const log: string[] = [];
  const running = inTurns(slow(log), () => {
    throw new Error("gone");
  });
  await expect(running).rejects.toThrow("gone");
  expect(log).toEqual(["one", "cleaned up"]);
});
