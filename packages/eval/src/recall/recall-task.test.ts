import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RECALL_MARKER } from "./recall-facts.js";
import { recallTask } from "./recall-task.js";

const options = fc.record({ seed: fc.integer(), facts: fc.integer({ min: 1, max: 12 }), distance: fc.nat(80) });

describe("recallTask", () => {
  it("states the asked fact once, before the prose, and ends where its answer belongs", () => {
    fc.assert(
      fc.property(options, (given) => {
        const { prompt, answer, kind } = recallTask(given);
        const asked =
          /(Who|What) is the (friend|number) of (\w+)\? It is$|Where did (\w+) leave the (\w+)\? In the$/.exec(prompt);
        const begun = /(The (?:friend|number) of \w+ is|\w+ left the \w+ in the)$/.exec(prompt);
        const statement =
          begun?.[1] ??
          (asked?.[3] ? `The ${asked[2]} of ${asked[3]} is` : `${asked?.[4]} left the ${asked?.[5]} in the`);
        expect(prompt.split(`${statement}${answer}.`).length).toBe(2);
        expect(statement.includes(kind === "place" ? "left the" : kind)).toBe(true);
      }),
    );
  });

  it("states as many facts as asked for, and at least so many words of prose", () => {
    fc.assert(
      fc.property(options, (given) => {
        const { prompt } = recallTask(given);
        const facts = [...prompt.matchAll(/The (?:friend|number) of \w+ is \w+\.|\w+ left the \w+ in the \w+\./g)];
        expect(facts.length).toBe(given.facts);
        const last = facts.at(-1) as RegExpExecArray;
        const rest = prompt.slice(last.index + last[0].length);
        const prose = rest.slice(0, Math.max(rest.lastIndexOf("."), 0));
        const words = prose.split(" ").length - 1;
        expect(words).toBeGreaterThanOrEqual(given.distance);
        expect(words).toBeLessThan(given.distance + 20);
      }),
    );
  });

  it("is the same for the same seed, everywhere", () => {
    expect(recallTask({ seed: 1, facts: 2, distance: 12 })).toMatchInlineSnapshot(`
      {
        "answer": " Charles",
        "kind": "friend",
        "prompt": "Remember what is told here. The friend of Frank is Edith. The friend of Philip is Charles. It was the custom of the house to rise early and to say little. The friend of Philip is",
      }
    `);
    expect(
      new Set(Array.from({ length: 50 }, (_, seed) => recallTask({ seed, facts: 2, distance: 0 }).prompt)).size,
    ).toBe(50);
  });

  it("opens with the marker, which does not change the rest", () => {
    fc.assert(
      fc.property(options, (given) => {
        const { prompt, ...rest } = recallTask(given);
        const bare = recallTask({ ...given, marker: false });
        expect(prompt).toBe(RECALL_MARKER + bare.prompt);
        expect(bare).toMatchObject(rest);
        expect(bare.prompt).toMatch(/^ \w/);
      }),
    );
  });

  it.each([
    [{ seed: 0.5, facts: 1, distance: 0 }, "seed must be a whole number"],
    [{ seed: 0, facts: 0, distance: 0 }, "facts must be a whole number from 1 to 200; got 0"],
    [{ seed: 0, facts: 1e9, distance: 0 }, "facts must be"],
    [{ seed: 0, facts: 1, distance: -1 }, "distance must be a whole number from 0"],
  ])("refuses %o", (given, message) => expect(() => recallTask(given)).toThrow(message));
});
