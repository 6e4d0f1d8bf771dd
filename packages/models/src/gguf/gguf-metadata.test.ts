import { describe, expect, it } from "vitest";
import { GgufMetadata, type GgufValue } from "./gguf-metadata.js";

const metadata = new GgufMetadata(
  new Map<string, GgufValue>([
    ["g.text", "hello"],
    ["g.number", 3],
    ["g.large", 2n ** 60n],
    ["g.flag", false],
    ["g.texts", ["a", "b"]],
    ["g.mixed", ["a", 1] as GgufValue],
    ["g.scores", Float32Array.of(1, 2)],
    ["g.longs", BigInt64Array.of(1n)],
  ]),
  "x.gguf",
);

describe("GgufMetadata", () => {
  it("reads each type", () => {
    expect(metadata.string("g.text")).toBe("hello");
    expect(metadata.number("g.number")).toBe(3);
    expect(metadata.boolean("g.flag")).toBe(false);
    expect(metadata.strings("g.texts")).toEqual(["a", "b"]);
    expect(metadata.numbers("g.scores")).toEqual(Float32Array.of(1, 2));
    expect(metadata.has("g.flag")).toBe(true);
    expect(metadata.requireString("g.text")).toBe("hello");
    expect(metadata.requireNumber("g.number")).toBe(3);
    expect(metadata.requireStrings("g.texts")).toEqual(["a", "b"]);
  });

  it("gives undefined for what is absent, unless it is required", () => {
    expect(metadata.number("g.none")).toBeUndefined();
    expect(() => metadata.requireNumber("g.none")).toThrow(/no metadata g.none; under g.\* it has g.text, g.number/);
    expect(() => metadata.requireString("h.none")).toThrow(/under h.\* it has nothing/);
    expect(() => metadata.requireStrings("none")).toThrow(/no metadata none/);
  });

  it.each([
    [() => metadata.number("g.text"), /g.text should be a number but is the string "hello"/],
    [() => metadata.number("g.large"), /should be a number but is the bigint/],
    [() => metadata.string("g.number"), /should be a string but is the number 3/],
    [() => metadata.boolean("g.number"), /should be a boolean/],
    [() => metadata.strings("g.mixed"), /should be a list of strings but is a list of 2/],
    [() => metadata.numbers("g.longs"), /should be a list of numbers but is a list of 1 \(BigInt64Array\)/],
  ])("refuses another type (%#)", (read, message) => {
    expect(read).toThrow(message);
  });
});
