import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StopStrings } from "./stop-strings.js";

/** All text that comes out of pieces, up to the first stop. */
function run(pieces: readonly string[], stops: readonly string[]): { text: string; stopped: string | undefined } {
  const filter = new StopStrings(stops);
  let text = "";
  for (const piece of pieces) {
    const result = filter.push(piece);
    text += result.text;
    if (result.stopped !== undefined) return { text, stopped: result.stopped };
  }
  return { text: text + filter.flush(), stopped: undefined };
}

const short = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 4 });

describe("StopStrings", () => {
  it("does not depend on how the text is cut", () => {
    fc.assert(
      fc.property(fc.array(short, { maxLength: 12 }), fc.array(short, { maxLength: 3 }), (pieces, stops) => {
        const text = pieces.join("");
        const ends = stops.filter((stop) => stop !== "").map((stop) => ({ stop, at: text.indexOf(stop) }));
        const found = ends.filter(({ at }) => at >= 0);
        const { text: shown, stopped } = run(pieces, stops);
        if (found.length === 0) expect({ shown, stopped }).toEqual({ shown: text, stopped: undefined });
        else {
          // whichever stop is completed first ends the text
          expect(stops).toContain(stopped);
          expect(text.startsWith(shown + stopped)).toBe(true);
          const firstEnd = Math.min(...found.map(({ stop, at }) => at + stop.length));
          expect(shown.length).toBeLessThanOrEqual(firstEnd);
        }
      }),
    );
  });

  it("shows at once what cannot begin a stop string", () => {
    const filter = new StopStrings(["\n\nUser:"]);
    expect(filter.push("Hello.\n")).toEqual({ text: "Hello.", stopped: undefined });
    expect(filter.push("There")).toEqual({ text: "\nThere", stopped: undefined });
    expect(filter.push("\n\nUs")).toEqual({ text: "", stopped: undefined });
    expect(filter.push("er: hi")).toEqual({ text: "", stopped: "\n\nUser:" });
  });
});
