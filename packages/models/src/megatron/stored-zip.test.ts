import { KvfoldError, memorySource } from "@kvfold/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ZipFile, zip } from "../../test/megatron/zip-writer.js";
import { readStoredZip } from "./stored-zip.js";

const a: ZipFile = { name: "m/data.pkl", bytes: Uint8Array.of(1, 2, 3) };
const b: ZipFile = { name: "m/data/0", bytes: new Uint8Array(40).fill(7) };

/** Names to contents. */
function contents(archive: Uint8Array) {
  const entries = readStoredZip(memorySource(archive, "x.pt"));
  return Object.fromEntries(
    [...entries].map(([name, { offset, size }]) => [name, archive.slice(offset, offset + size)]),
  );
}

describe("readStoredZip", () => {
  const both = { "m/data.pkl": a.bytes, "m/data/0": b.bytes };

  it("finds what is stored, in any order, with and without zip64", () => {
    expect(contents(zip([a, b]))).toEqual(both);
    expect(contents(zip([a, b], { zip64: true }))).toEqual(both);
    expect(contents(zip([b, a]))).toEqual(both);
    expect(contents(zip([a, b], { order: [1, 0] }))).toEqual(both);
    expect(
      contents(
        zip(
          [
            { ...a, wide: true },
            { ...b, wide: true },
          ],
          { zip64: true },
        ),
      ),
    ).toEqual(both);
    expect(contents(zip([]))).toEqual({});
  });

  it.each<[string, Uint8Array, RegExp]>([
    [
      "compressed files",
      zip([a, { ...b, method: 8 }]),
      /"m\/data\/0" is compressed \(method 8\); PyTorch stores files/,
    ],
    ["encrypted files", zip([{ ...a, flags: 1 }]), /is encrypted or patched \(flags 1\)/],
    ["two files of a name", zip([a, { ...b, name: a.name }]), /has two files "m\/data.pkl"/],
    ["a size larger than the data", zip([a, { ...b, size: 41 }]), /reaches into the archive's directory/],
    ["a size larger than the file", zip([a, { ...b, size: 1e9 }]), /claims 1000000000 bytes, more than the file has/],
    ["a size beyond 2^53", zip([a, { ...b, wide: true, size: 2 ** 60 }]), /has a size or place beyond 2\^53/],
    ["packed and unpacked sizes that differ", zip([a, { ...b, packed: 39 }]), /says both 40 and 39 bytes/],
    [
      "a header that says another size",
      zip([a, { ...b, localSize: 41 }]),
      /40 bytes in the directory, but 41 in its own/,
    ],
    ["a header that says another name", zip([{ ...a, localName: "m/data.pkx" }]), /is not where its directory says/],
    ["files that overlap", zip([a, { ...b, size: 10 }, { ...b, headerOffset: 48 }]), /is not where|overlaps/],
    ["one file that is listed for two", zip([b, { ...b, headerOffset: 0 }]), /overlaps the file before it/],
    ["a place outside the file", zip([{ ...a, headerOffset: 1e6 }]), /lies beyond the end of the file \(truncated\?\)/],
    ["more files than the directory holds", zip([a, b], { count: 3 }), /its directory is damaged|claims 3 files/],
    ["60,000 files in a small directory", zip([a, b], { count: 60_000 }), /claims 60000 files/],
    ["2^40 files", zip([a, b], { count: 2 ** 40, zip64: true }), /claims 1099511627776 files/],
    ["a directory outside the file", zip([a, b], { offset: 1e6 }), /directory lies outside the file/],
    ["a directory of 2^52 bytes", zip([a], { size: 2 ** 52, zip64: true }), /directory lies outside the file/],
    ["bytes after the end", new Uint8Array([...zip([a, b]), 0]), /does not end as a zip archive does/],
    ["an empty file", new Uint8Array(0), /does not end as a zip archive does/],
    [
      "a pickle of an older PyTorch",
      Uint8Array.from({ length: 64 }, (_, i) => (i === 0 ? 0x80 : 2)),
      /PyTorch before 1\.6/,
    ],
    ...["../evil", "/etc/passwd", "m/../../evil", "m\\evil", "c:evil", "m//x", ".", "m/\u0000x", ""].map(
      (name): [string, Uint8Array, RegExp] => [
        `the name ${JSON.stringify(name)}`,
        zip([{ ...a, name }]),
        /which is refused/,
      ],
    ),
  ])("refuses %s", (_, archive, message) => {
    expect(() => contents(archive)).toThrow(message);
    expect(() => contents(archive)).toThrow(/^x\.pt is not a valid torch file: /);
  });

  it("refuses every truncation, and ends cleanly whatever bytes are changed", () => {
    const archive = zip([a, b], { zip64: true });
    for (let length = 0; length < archive.length; length++) {
      expect(() => contents(archive.slice(0, length))).toThrow(KvfoldError);
    }
    const byte = fc.tuple(fc.nat(archive.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(byte, { minLength: 1, maxLength: 4 }), (changes) => {
        const damaged = archive.slice();
        for (const [at, value] of changes) damaged[at] = value;
        try {
          for (const { length } of Object.values(contents(damaged))) expect(length).toBeLessThan(archive.length);
        } catch (error) {
          if (!KvfoldError.isInstance(error)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});
