import { describe, expect, it } from "vitest";
import { memorySource } from "./byte-source.js";
import { parseHeader } from "./parse-header.js";

/** A file of this header text and `dataBytes` zeros. */
function file(header: string | Uint8Array, dataBytes = 0, claimed?: number): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed ?? text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const parse = (bytes: Uint8Array) => parseHeader(memorySource(bytes, "x.safetensors"));
const entry = (dtype: string, shape: unknown, offsets: unknown) => ({ dtype, shape, data_offsets: offsets });
const of = (entries: Record<string, unknown>, dataBytes: number) => file(JSON.stringify(entries), dataBytes);

describe("parseHeader", () => {
  it("reads tensors, scalars, empty tensors and metadata", () => {
    const { tensors, metadata } = parse(
      of(
        {
          __metadata__: { format: "pt" },
          b: entry("F32", [2], [2, 10]),
          a: entry("BF16", [], [0, 2]),
          empty: entry("I64", [0, 5], [2, 2]),
        },
        10,
      ),
    );
    expect([...tensors.keys()]).toEqual(["a", "empty", "b"]);
    expect(tensors.get("b")).toMatchObject({ dtype: "F32", shape: [2], elements: 2, byteLength: 8 });
    expect(metadata).toEqual({ format: "pt" });
  });

  it("accepts a file without tensors and names like __proto__", () => {
    expect(parse(file("{}  ")).tensors.size).toBe(0);
    const name = "__proto__";
    expect([...parse(file(`{"${name}":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1)).tensors.keys()]).toEqual([
      name,
    ]);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["an empty file", new Uint8Array(0), /has 0 bytes, too few/],
    ["a header beyond the file", file("{}", 0, 100), /claims 100 bytes, but only 2 follow/],
    ["a huge header", file("{}", 0, 25_000_001), /at most 25000000/],
    ["a length of 2^64 - 1", file("{}", 0, 2 ** 63), /at most 25000000/],
    ["text that is no JSON", file("{'a': 1}"), /not JSON/],
    ["bytes that are no UTF-8", file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), /not JSON in UTF-8/],
    ["a list", file("[]"), /not an object/],
    ["deep nesting", file("[".repeat(100_000)), /not JSON/],
    ["an entry that is no object", of({ a: 1 }, 0), /"a" is not described by an object/],
    ["an unknown dtype", of({ a: entry("F12", [1], [0, 4]) }, 4), /"F12"; known are BOOL, U8/],
    ["a dtype of Object.prototype", of({ a: entry("constructor", [1], [0, 4]) }, 4), /dtype "constructor"/],
    ["a negative axis", of({ a: entry("F32", [-1], [0, 4]) }, 4), /no valid shape/],
    ["a fractional axis", of({ a: entry("F32", [0.5, 2], [0, 4]) }, 4), /no valid shape/],
    ["17 axes", of({ a: entry("F32", Array(17).fill(1), [0, 4]) }, 4), /no valid shape/],
    [
      "a product beyond 2^53",
      of({ a: entry("F32", [2 ** 30, 2 ** 30], [0, 4]) }, 4),
      /more bytes than can be addressed/,
    ],
    [
      "a product that overflows to infinity",
      of({ a: entry("F32", Array(16).fill(2 ** 52 + 1), [0, 4]) }, 4),
      /more bytes than/,
    ],
    ["no offsets", of({ a: entry("F32", [1], undefined) }, 4), /data_offsets/],
    ["offsets that run backwards", of({ a: entry("F32", [1], [4, 0]) }, 4), /claims bytes 4 to 0/],
    ["an end beyond the data", of({ a: entry("F32", [2], [0, 8]) }, 4), /claims bytes 0 to 8 of the data, which has 4/],
    ["a range that does not fit the shape", of({ a: entry("F32", [1], [0, 8]) }, 8), /4 bytes, but its range holds 8/],
    ["an overlap", of({ a: entry("U8", [4], [0, 4]), b: entry("U8", [4], [2, 6]) }, 6), /"b" overlaps/],
    ["a hole", of({ a: entry("U8", [2], [0, 2]), b: entry("U8", [2], [4, 6]) }, 6), /"b" leaves a hole/],
    ["bytes at the end", of({ a: entry("U8", [2], [0, 2]) }, 3), /1 bytes at its end belong to no tensor/],
    ["metadata that is no strings", of({ __metadata__: { a: 1 } }, 0), /__metadata__/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => parse(bytes)).toThrow(message);
    expect(() => parse(bytes)).toThrow(expect.objectContaining({ code: "safetensors-malformed" }));
  });
});
