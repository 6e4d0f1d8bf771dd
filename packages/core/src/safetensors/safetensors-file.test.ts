import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { bf16 } from "../storage/bf16.js";
import { f16 } from "../storage/f16.js";
import { memorySource } from "./byte-source.js";
import { openSafetensors } from "./safetensors-file.js";
import {
  encodeSafetensors,
  type SafetensorsInput,
  writeSafetensors,
  writeSafetensorsInPieces,
} from "./write-safetensors.js";

const folder = mkdtempSync(join(tmpdir(), "kvfold-safetensors-"));
afterAll(() => rmSync(folder, { recursive: true }));

const floats = Float32Array.from({ length: 12 }, (_, i) => i - 5.5);
const tensors: Record<string, SafetensorsInput> = {
  flags: { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) },
  half: { dtype: "F16", shape: [4, 3], data: f16.pack(floats) },
  brain: { dtype: "BF16", shape: [4, 3], data: bf16.pack(floats) },
  plain: { dtype: "F32", shape: [4, 3], data: floats },
  double: { dtype: "F64", shape: [4, 3], data: Float64Array.from(floats) },
  codes: { dtype: "I8", shape: [2], data: Int8Array.of(-128, 127) },
  ids: { dtype: "I32", shape: [2, 1], data: Int32Array.of(-7, 2 ** 30) },
  big: { dtype: "I64", shape: [1], data: BigInt64Array.of(-(2n ** 60n)) },
  bytes: { dtype: "U8", shape: [2, 2], data: Uint8Array.of(1, 2, 3, 255) },
  scalar: { dtype: "F32", shape: [], data: Float32Array.of(2.5) },
};

describe("openSafetensors", () => {
  const path = join(folder, "all.safetensors");
  writeSafetensors(path, tensors, { made: "by a test" });

  it.each(["file", "memory"])("reads back every type from %s", (from) => {
    using file = openSafetensors(from === "file" ? path : memorySource(readFileSync(path)));
    expect(file.metadata).toEqual({ made: "by a test" });
    for (const [name, { dtype, shape }] of Object.entries(tensors))
      expect(file.entry(name)).toMatchObject({ dtype, shape });
    for (const name of ["half", "brain", "plain", "double"]) expect(file.readFloat32(name)).toEqual(floats);
    expect(file.read("half")).toEqual(floats);
    expect(file.read("double")).toEqual(Float64Array.from(floats));
    expect(file.read("codes")).toEqual(Int8Array.of(-128, 127));
    expect(file.read("ids")).toEqual(Int32Array.of(-7, 2 ** 30));
    expect(file.read("big")).toEqual(BigInt64Array.of(-(2n ** 60n)));
    expect(file.read("flags")).toEqual(Uint8Array.of(1, 0, 1));
    expect(file.readBytes("bytes")).toEqual(Uint8Array.of(1, 2, 3, 255));
    expect(file.readFloat32("scalar")).toEqual(Float32Array.of(2.5));
  });

  it("aligns every tensor to its element", () => {
    using file = openSafetensors(path);
    const width: Record<string, number> = { F32: 4, F64: 8, I64: 8, I32: 4, F16: 2, BF16: 2 };
    for (const { dtype, byteOffset } of file.tensors.values()) expect(byteOffset % (width[dtype] ?? 1)).toBe(0);
  });

  it("reads rows by range, into a given array", () => {
    using file = openSafetensors(path);
    for (const name of ["half", "brain", "plain", "double"]) {
      const into = new Float32Array(6);
      expect(file.readRowsFloat32(name, 1, 2, into)).toBe(into);
      expect(into).toEqual(floats.subarray(3, 9));
    }
    expect(file.readRowsFloat32("plain", 4, 0).length).toBe(0);
  });

  it("widens tensors larger than its piece", () => {
    const many = Float32Array.from({ length: 700_001 }, (_, i) => i % 251);
    const bytes = encodeSafetensors({ x: { dtype: "BF16", shape: [many.length], data: bf16.pack(many) } });
    const read = openSafetensors(memorySource(bytes)).readFloat32("x");
    expect(Buffer.from(read.buffer).equals(Buffer.from(many.buffer))).toBe(true);
  });

  it("says what is wrong with a request", () => {
    using file = openSafetensors(path);
    expect(() => file.readFloat32("plane")).toThrow(/has no tensor plane; of its 10 the nearest are plain/);
    expect(() => file.readFloat32("ids")).toThrow(/is I32; only F32, F16, BF16 and F64/);
    expect(() => file.readRowsFloat32("plain", 3, 2)).toThrow(/has rows 0 to 3; 2 rows from 3 on/);
    expect(() => file.readRowsFloat32("plain", -1, 1)).toThrow(/rows 0 to 3/);
    expect(() => file.readFloat32("plain", new Float32Array(5))).toThrow(/12 values .* array of 5/);
    file.close();
    expect(() => file.readFloat32("plain")).toThrow(/was closed/);
  });

  it("names files that cannot be read", () => {
    expect(() => openSafetensors(join(folder, "none.safetensors"))).toThrow(/there is no such file/);
    expect(() => openSafetensors(folder)).toThrow(/is not a file but a folder/);
    const shrinking = join(folder, "shrinking.safetensors");
    writeSafetensors(shrinking, tensors);
    using file = openSafetensors(shrinking);
    truncateSync(shrinking, 700);
    expect(() => file.readFloat32("plain").length + file.readBytes("bytes").length).toThrow(/made it shorter/);
  });
});

describe("writeSafetensors", () => {
  it("round-trips any tensors", () => {
    const tensor = fc.record({
      dtype: fc.constantFrom("U8" as const, "I8" as const, "BOOL" as const),
      data: fc.uint8Array({ maxLength: 40 }),
    });
    const names = fc.string({ unit: "binary", maxLength: 8 }).filter((name) => name !== "__metadata__");
    fc.assert(
      fc.property(fc.dictionary(names, tensor, { noNullPrototype: true }), (made) => {
        const inputs = Object.fromEntries(
          Object.entries(made).map(([name, { dtype, data }]) => [name, { dtype, shape: [data.length], data }]),
        );
        const file = openSafetensors(memorySource(encodeSafetensors(inputs)));
        expect(file.tensors.size).toBe(Object.keys(made).length);
        for (const [name, { data }] of Object.entries(made)) expect(file.readBytes(name)).toEqual(data);
      }),
      { numRuns: 200 },
    );
  });

  it("takes data in pieces, when its turn comes", () => {
    let asked = 0;
    const data = function* () {
      asked++;
      yield floats.subarray(0, 5);
      yield floats.subarray(5);
    };
    const path = join(folder, "pieces.safetensors");
    writeSafetensors(path, { x: { dtype: "F32", shape: [12], data } });
    expect(asked).toBe(1);
    expect(openSafetensors(path).readFloat32("x")).toEqual(floats);
  });

  it("removes its temporary file when the caller stops half-way", () => {
    const path = join(folder, "stopped.safetensors");
    const before = readdirSync(folder);
    for (const written of writeSafetensorsInPieces(path, tensors)) if (written > 600) break;
    expect(readdirSync(folder)).toEqual(before);
  });

  it("leaves the old file, and nothing else, when it fails", () => {
    const path = join(folder, "kept.safetensors");
    writeFileSync(path, "old");
    const before = readdirSync(folder);
    expect(() => writeSafetensors(path, { x: { dtype: "F32", shape: [13], data: floats } })).toThrow(
      /Tensor x of shape \[13\] and dtype F32 needs 52 bytes, but 48 were given/,
    );
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(before);
    expect(() => writeSafetensors(join(folder, "no/such/folder"), {})).toThrow(/Cannot write/);
  });

  it("refuses what the format cannot hold", () => {
    expect(() => encodeSafetensors({ __metadata__: { dtype: "U8", shape: [0], data: new Uint8Array(0) } })).toThrow();
    expect(() => encodeSafetensors({ x: { dtype: "U8", shape: [-1], data: new Uint8Array(0) } })).toThrow(/shape/);
    expect(() => encodeSafetensors({ x: { dtype: "Q4" as "U8", shape: [1], data: new Uint8Array(1) } })).toThrow(/Q4/);
  });
});
