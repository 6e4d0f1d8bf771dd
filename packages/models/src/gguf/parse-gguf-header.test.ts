import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memorySource, openFileSource, storageTypes } from "@kvfold/core";
import { describe, expect, it } from "vitest";
import { encodeGguf, type Pair, type Tensor } from "../../test/encode-gguf.js";
import { parseGgufHeader } from "./parse-gguf-header.js";

const parse = (bytes: Uint8Array) => parseGgufHeader(memorySource(bytes, "x.gguf"));
const tensor = (name: string, ne: number[], format = storageTypes.f32): Tensor => ({
  name,
  ne,
  format,
  bytes: new Uint8Array(format.byteLength(ne.reduce((a, b) => a * b, 1))),
});
const pairs: Pair[] = [
  { key: "a.string", type: "string", value: "grüß" },
  { key: "a.bool", type: "bool", value: true },
  { key: "an.i8", type: "i8", value: -3 },
  { key: "a.u64", type: "u64", value: 7 },
  { key: "a.large", type: "u64", value: 2n ** 63n },
  { key: "a.small", type: "f32", value: 1e-5 },
  { key: "a.double", type: "f64", value: 0.1 },
  { key: "some.texts", type: "array", of: "string", value: ["x", "", "yz"] },
  { key: "some.flags", type: "array", of: "bool", value: [true, false] },
  { key: "some.ids", type: "array", of: "i32", value: [1, -2] },
  { key: "some.longs", type: "array", of: "u64", value: [5n] },
];

/** A good file whose bytes `[at, at + patch.length)` are replaced; `at` counts from the end of `after` when given. */
function patched(bytes: Uint8Array, patch: ArrayLike<number>, after: string | number): Uint8Array {
  const copy = bytes.slice();
  const at = typeof after === "number" ? after : Buffer.from(copy).indexOf(after) + Buffer.byteLength(after);
  copy.set(patch, at);
  return copy;
}
const u64 = (value: bigint) => new Uint8Array(BigUint64Array.of(value).buffer);
const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);

describe("parseGgufHeader", () => {
  it.each([2, 3])("reads metadata and tensors of version %i", (version) => {
    const file = encodeGguf(pairs, [tensor("one", [64, 3], storageTypes.q8_0), tensor("two", [5])], { version });
    const header = parse(file);
    expect(Object.fromEntries(header.metadata.entries)).toEqual({
      "a.string": "grüß",
      "a.bool": true,
      "an.i8": -3,
      "a.u64": 7,
      "a.large": 2n ** 63n,
      "a.small": 1e-5,
      "a.double": 0.1,
      "some.texts": ["x", "", "yz"],
      "some.flags": [true, false],
      "some.ids": Int32Array.of(1, -2),
      "some.longs": BigUint64Array.of(5n),
    });
    const [one, two] = [...header.tensors.values()];
    expect(one).toMatchObject({ name: "one", ne: [64, 3], byteLength: 204 });
    expect(two).toMatchObject({ name: "two", ne: [5], byteLength: 20 });
    expect(two?.byteOffset).toBe((one?.byteOffset ?? 0) + 224);
    expect((one?.byteOffset ?? 1) % 32).toBe(0);
  });

  it("keeps another alignment", () => {
    const aligned: Pair = { key: "general.alignment", type: "u32", value: 64 };
    const header = parse(encodeGguf([aligned], [tensor("one", [3]), tensor("two", [5])], { alignment: 64 }));
    expect([...header.tensors.values()].map(({ byteOffset }) => byteOffset % 64)).toEqual([0, 0]);
  });

  it("reads headers larger than its window, from a file", () => {
    const folder = mkdtempSync(join(tmpdir(), "kvfold-gguf-"));
    const texts = Array.from({ length: 120_000 }, (_, i) => `token ${i}`);
    writeFileSync(
      join(folder, "x.gguf"),
      encodeGguf([{ key: "t", type: "array", of: "string", value: texts }], [tensor("one", [1])]),
    );
    const source = openFileSource(join(folder, "x.gguf"));
    const { metadata } = parseGgufHeader(source);
    source.close();
    rmSync(folder, { recursive: true });
    const read = metadata.strings("t");
    expect(read?.length).toBe(texts.length);
    expect(texts.findIndex((text, i) => text !== read?.[i])).toBe(-1);
  });

  const good = encodeGguf(pairs, [tensor("one", [64, 3], storageTypes.q8_0), tensor("two", [5])]);

  it.each<[string, Uint8Array, RegExp]>([
    ["an empty file", new Uint8Array(0), /ends in the middle of its header/],
    ["another magic", patched(good, [0x58], 0), /does not start with "GGUF"/],
    ["version 1", patched(good, u32(1), 4), /GGUF version 1; versions 2 and 3/],
    ["version 9", patched(good, u32(9), 4), /version is 9/],
    ["big-endian", patched(good, [0, 0, 0, 3], 4), /big-endian/],
    ["more tensors than bytes", patched(good, u64(2n ** 40n), 8), /number of tensors is 1099511627776, but only/],
    ["more pairs than bytes", patched(good, u64(10n ** 6n), 16), /number of metadata pairs is 1000000, but only/],
    ["a count beyond 2^53", patched(good, u64(2n ** 64n - 1n), 16), /more than can be addressed/],
    ["a key longer than the file", patched(good, u64(10n ** 9n), 24), /length of a metadata key is 1000000000/],
    ["a key that is no UTF-8", patched(good, [0xff], 32), /a metadata key is not UTF-8/],
    ["an unknown value type", patched(good, u32(13), "a.string"), /"a.string" has value type 13/],
    ["a boolean of 2", patched(good, [7, 0, 0, 0, 2], "a.bool"), /"a.bool" is 2/],
    ["a list of unknown type", patched(good, [9, 0, 0, 0, 77], "some.ids"), /list of value type 77/],
    [
      "a list longer than the file",
      patched(good, [9, 0, 0, 0, 5, 0, 0, 0, ...u64(2n ** 35n)], "some.ids"),
      /list "some.ids" is/,
    ],
    ["a key that is there twice", encodeGguf([pairs[0] as Pair, pairs[0] as Pair], []), /"a.string" is there twice/],
    [
      "lists nested six deep",
      encodeGguf([{ key: "n", type: "array", value: [[[[[[]]]]]] }], []),
      /nests lists more than 4/,
    ],
    ["a tensor that is there twice", encodeGguf([], [tensor("one", [1]), tensor("one", [1])]), /"one" is there twice/],
    ["no axes", patched(good, u32(0), "one"), /"one" has 0 axes/],
    ["five axes", patched(good, u32(5), "one"), /"one" has 5 axes/],
    ["an axis of 0", patched(good, [1, 0, 0, 0, ...u64(0n)], "two"), /shape \[0\], which is not possible/],
    ["a product beyond 2^53", patched(good, [2, 0, 0, 0, ...u64(2n ** 40n), ...u64(2n ** 40n)], "one"), /not possible/],
    ["rows that are no whole blocks", patched(good, [2, 0, 0, 0, ...u64(63n)], "one"), /rows of 63 values/],
    [
      "an unknown tensor type",
      patched(good, [1, 0, 0, 0, ...u64(5n), ...u32(16)], "two"),
      /ggml type 16; readable types are f32/,
    ],
    [
      "an offset off the alignment",
      patched(good, [1, 0, 0, 0, ...u64(5n), ...u32(0), ...u64(40n)], "two"),
      /multiple of the alignment 32/,
    ],
    [
      "an offset beyond the file",
      patched(good, [1, 0, 0, 0, ...u64(5n), ...u32(0), ...u64(2n ** 40n)], "two"),
      /"two" ends at byte/,
    ],
    [
      "an overlap",
      patched(good, [1, 0, 0, 0, ...u64(5n), ...u32(0), ...u64(32n)], "two"),
      /"two" overlaps tensor "one"/,
    ],
    [
      "a file cut in its data",
      good.subarray(0, good.length - 1),
      /"two" ends at byte \d+, but the file has \d+ \(truncated\?\)/,
    ],
    ["a split model", encodeGguf([{ key: "split.count", type: "u16", value: 3 }], []), /one part of a split model/],
    [
      "an alignment of 0",
      encodeGguf([{ key: "general.alignment", type: "u32", value: 0 }], []),
      /general.alignment is 0/,
    ],
    [
      "an alignment that is text",
      encodeGguf([{ key: "general.alignment", type: "string", value: "x" }], []),
      /should be a number but is the string "x"/,
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => parse(bytes)).toThrow(message);
    expect(() => parse(bytes)).toThrow(expect.objectContaining({ name: "KvfoldError" }));
  });

  it("refuses the file cut at every byte", () => {
    for (let length = 0; length < good.length; length++) {
      expect(() => parse(good.subarray(0, length))).toThrow(expect.objectContaining({ name: "KvfoldError" }));
    }
  });
});
