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
        const whole = run([pieces.join("")], stops);
        expect(run(pieces, stops)).toEqual(whole);
        expect(run([...pieces.join("")], stops)).toEqual(whole);
      }),
    );
  });

  it("ends before the stop string that is complete first", () => {
    fc.assert(
      fc.property(fc.array(short, { maxLength: 12 }), fc.array(short, { maxLength: 3 }), (pieces, stops) => {
        const text = pieces.join("");
        const ends = stops
          .filter((stop) => stop !== "" && text.includes(stop))
          .map((stop) => text.indexOf(stop) + stop.length);
        const { text: shown, stopped } = run(pieces, stops);
        expect(shown + (stopped ?? "")).toBe(ends.length === 0 ? text : text.slice(0, Math.min(...ends)));
      }),
    );
    expect(run(["xab", "cd"], ["abcd", "bc"])).toEqual({ text: "xa", stopped: "bc" });
    expect(run(["xa", "bc"], ["c", "abc"])).toEqual({ text: "x", stopped: "abc" });
  });

  it("shows at once what cannot begin a stop string", () => {
    const filter = new StopStrings(["\n\nUser:"]);
    expect(filter.push("Hello.\n")).toEqual({ text: "Hello.", stopped: undefined });
    expect(filter.push("There")).toEqual({ text: "\nThere", stopped: undefined });
    expect(filter.push("\n\nUs")).toEqual({ text: "", stopped: undefined });
    expect(filter.push("er: hi")).toEqual({ text: "", stopped: "\n\nUser:" });
  });
});
