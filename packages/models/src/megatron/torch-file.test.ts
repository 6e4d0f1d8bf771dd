import { KvfoldError, memorySource } from "@kvfold/core";
import { describe, expect, it } from "vitest";
import { pickle, tensor, type WrittenTensor } from "../../test/megatron/pickle-writer.js";
import { type ZipFile, zip } from "../../test/megatron/zip-writer.js";
import { openTorchFile } from "./torch-file.js";
import { TorchTensor } from "./torch-tensor.js";

const values = Float32Array.from({ length: 6 }, (_, i) => i);

/** A file that holds one tensor of the six values. */
function file(written: Partial<WrittenTensor> = {}, ...more: readonly (Partial<ZipFile> & { name: string })[]) {
  const data = pickle(tensor({ key: "0", elements: 6, shape: [2, 3], ...written }));
  const files: ZipFile[] = [
    { name: "x/data.pkl", bytes: data },
    { name: "x/data/0", bytes: new Uint8Array(values.buffer) },
  ];
  for (const change of more) {
    const at = files.findIndex(({ name }) => name === change.name);
    const changed = { bytes: new Uint8Array(0), ...files[at], ...change };
    if (at >= 0) files[at] = changed;
    else files.push(changed);
  }
  return memorySource(zip(files), "x.pt");
}

function readTensor(source: ReturnType<typeof file>): number[] {
  const opened = openTorchFile(source);
  if (!(opened.root instanceof TorchTensor)) throw new Error("no tensor");
  const { byteOffset, byteLength } = opened.locate("weight", opened.root);
  const out = new Uint8Array(byteLength);
  opened.readInto(byteOffset, out);
  return [...new Float32Array(out.buffer)];
}

const text = (content: string) => new TextEncoder().encode(content);

describe("openTorchFile", () => {
  it("finds tensors in their storages", () => {
    expect(readTensor(file())).toEqual([0, 1, 2, 3, 4, 5]);
    expect(readTensor(file({ shape: [2, 2], offset: 2 }))).toEqual([2, 3, 4, 5]);
    expect(readTensor(file({ shape: [] }))).toEqual([0]);
    expect(readTensor(file({ shape: [0, 3], offset: 6 }))).toEqual([]);
    expect(readTensor(file({ shape: [3, 1, 2], strides: [2, 99, 1] }))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(readTensor(file({}, { name: "x/byteorder", bytes: text("little") }))).toHaveLength(6);
    // A writer that computes no checksums states 0.
    expect(readTensor(file({}, { name: "x/data.pkl", crc: 0 }))).toHaveLength(6);
  });

  it.each<[string, ReturnType<typeof file>, RegExp]>([
    ["a storage that is not there", file({ key: "1" }), /"weight" is in the file data\/1, which the archive lacks/],
    ["a storage of another size", file({ elements: 7 }), /a storage of 7 f32 elements, but data\/0 has 24 bytes/],
    [
      "a storage of another type",
      file({ type: "HalfStorage" }),
      /a storage of 6 f16 elements, but data\/0 has 24 bytes/,
    ],
    ["a tensor larger than its storage", file({ shape: [7] }), /needs 7 elements from 0 on, but its storage has 6/],
    ["a tensor that starts too late", file({ shape: [2], offset: 5 }), /needs 2 elements from 5 on/],
    ["a tensor that starts outside", file({ shape: [0], offset: 7 }), /needs 0 elements from 7 on/],
    [
      "a transposed tensor",
      file({ shape: [3, 2], strides: [1, 3] }),
      /does not lie row after row; save a .contiguous\(\) copy/,
    ],
    ["a repeated row", file({ shape: [4, 3], strides: [0, 1] }), /needs 12 elements/],
    ["big-endian numbers", file({}, { name: "x/byteorder", bytes: text("big") }), /not little-endian/],
    ["a damaged pickle", file({}, { name: "x/data.pkl", crc: 1 }), /data.pkl does not have the stated checksum/],
    ["two pickles", file({}, { name: "y/data.pkl", bytes: text("N.") }), /it has 2 files data.pkl, not one/],
    ["no pickle", memorySource(zip([{ name: "x/data/0", bytes: text("a") }]), "x.pt"), /it has 0 files data.pkl/],
  ])("refuses %s", (_, source, message) => {
    expect(() => readTensor(source)).toThrow(KvfoldError);
    expect(() => readTensor(source)).toThrow(message);
  });

  it("refuses a pickle of 33 MB before it is read", () => {
    const large = { name: "x/data.pkl", bytes: new Uint8Array(33 * 2 ** 20), crc: 0 };
    expect(() => openTorchFile(file({}, large))).toThrow(
      /its data.pkl has 34603008 bytes; at most 33554432 are accepted/,
    );
  });
});
