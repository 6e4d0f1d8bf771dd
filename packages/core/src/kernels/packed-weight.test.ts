import { describe, expect, it } from "vitest";
import { storageTypes } from "../storage/storage-types.js";
import { packedWeight } from "./packed-weight.js";

const { bf16, q8_0 } = storageTypes;

describe("packedWeight", () => {
  it("holds rows in their storage type and unpacks them", () => {
    const weight = packedWeight(bf16, [2, 3], bf16.pack(Float32Array.of(1, -2, 0.5, 4, 0, -0.25)));
    expect(weight.storage).toBe("bf16");
    expect(weight.bytes.byteLength).toBe(12);
    expect([...weight.unpack()]).toEqual([1, -2, 0.5, 4, 0, -0.25]);
  });

  it("tells backends when it is disposed, once, and cannot be used after", () => {
    const weight = packedWeight(bf16, [1, 1], new Uint8Array(2));
    let released = 0;
    weight.onDispose(() => released++);
    weight.dispose();
    weight.dispose();
    expect(released).toBe(1);
    expect(() => weight.unpack()).toThrow("This bf16 weight [1,1] was disposed.");
  });

  it("rejects rows that are not whole blocks, and a wrong number of bytes", () => {
    expect(() => packedWeight(q8_0, [2, 48], new Uint8Array(102))).toThrow("a multiple of 32 values; got 102 bytes");
    expect(() => packedWeight(q8_0, [2, 64], new Uint8Array(135))).toThrow("and 136 bytes in all; got 135 bytes");
  });
});
