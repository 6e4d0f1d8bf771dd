import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KvfoldError, memorySource } from "@kvfold/core";
import { goldensPath } from "@kvfold/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as write from "../../test/megatron/pickle-writer.js";
import { PickleDict, PickleObject, type PickleValue } from "./pickle-values.js";
import { readPickle } from "./read-pickle.js";
import { readStoredZip } from "./stored-zip.js";
import { TorchTensor } from "./torch-tensor.js";

const { bytes, call, global, int, pickle, str } = write;
const read = (value: Uint8Array) => readPickle(pickle(value), "x.pt");

/** The message of the error. */
function refusal(data: Uint8Array): string {
  try {
    readPickle(data, "x.pt");
  } catch (error) {
    if (KvfoldError.isInstance(error)) return error.message;
    throw error;
  }
  return "was not refused";
}

/** Plain values: dicts as entries, opaque objects as their class. */
function plain(value: PickleValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof PickleDict) return { dict: [...value.entries].map(([key, item]) => [plain(key), plain(item)]) };
  if (value instanceof PickleObject) return value.className;
  return value;
}

describe("readPickle", () => {
  it("reads what torch.save writes", () => {
    const value = write.list(
      write.none,
      write.bool(true),
      int(-5),
      write.float(2.5),
      str("naïve"),
      bytes("K\xff"),
      bytes("M\x01\x02"),
    );
    expect(plain(read(value))).toEqual([null, true, -5, 2.5, "naïve", 255, 513]);
    expect(read(bytes("\x8a\x00"))).toBe(0);
    expect(read(bytes("\x8a\x05\x00\x00\x00\x80\x00"))).toBe(2 ** 31);
    expect(read(bytes("\x8a\x01\xff"))).toBe(-1);
    expect(read(bytes("\x8a\x02\x00\x80"))).toBe(-(2 ** 15));
    expect(read(bytes("\x8a\x06\xfe\xff\xff\xff\xff\x7f"))).toBe(2 ** 47 - 2);
    expect(read(bytes("\x8a\x07\xfe\xff\xff\xff\xff\xff\xff"))).toBe(-2);
    expect(read(bytes("\x8a\x09", new Uint8Array(8), "\x01"))).toBe(2n ** 64n);
    expect(plain(read(write.dict({ a: int(1), __proto__x: str("b") })))).toEqual({
      dict: [
        ["a", 1],
        ["__proto__x", "b"],
      ],
    });
    const itself = read(bytes("}q\x05", str("k"), "h\x05s"));
    expect(itself instanceof PickleDict && itself.get("k")).toBe(itself);
    expect(plain(read(call(global("torch", "device"), str("cuda"), int(0))))).toBe("torch.device");
  });

  it("keeps tensors as references", () => {
    const found = read(write.tensor({ key: "7", elements: 12, shape: [2, 3], offset: 6, type: "BFloat16Storage" }));
    expect(found).toBeInstanceOf(TorchTensor);
    expect(found).toMatchObject({ storage: { key: "7", dtype: "bf16", elements: 12 }, offset: 6, shape: [2, 3] });
  });

  it.each([
    ["os.system", call(global("os", "system"), str("touch /tmp/owned"))],
    ["posix.system", call(global("posix", "system"), str("id"))],
    ["builtins.eval", call(global("builtins", "eval"), str("1"))],
    ["__builtin__.getattr", global("__builtin__", "getattr")],
    ["subprocess.Popen", call(global("subprocess", "Popen"), str("id"))],
    ["torch.load", call(global("torch", "load"), str("x"))],
    ["torch.nn.modules.linear.Linear", global("torch.nn.modules.linear", "Linear")],
    ["collections.OrderedDict.fromkeys", global("collections", "OrderedDict.fromkeys")],
    ["argparse.Namespace ", global("argparse", "Namespace ")],
    ["toString", global("toString", "")],
    ["__proto__.x", global("__proto__", "x")],
  ])("refuses the global %s by its name", (name, value) => {
    expect(() => read(value)).toThrow(KvfoldError);
    expect(() => read(value)).toThrow(`it names "${name}`);
  });

  it.each([
    ["STACK_GLOBAL (0x93)", bytes(str("os"), str("system"), "\x93")],
    ["INST (0x69)", bytes("(", str("id"), "ios\nsystem\n")],
    ["OBJ (0x6f)", bytes("(", global("argparse", "Namespace"), "o")],
    ["NEWOBJ_EX (0x92)", bytes("\x92")],
    ["EXT1 (0x82)", bytes("\x82\x01")],
    ["PERSID (0x50)", bytes("Pstorage\n")],
    ["GET (0x67)", bytes("g1\n")],
    ["BINBYTES8 (0x8e)", bytes("\x8e")],
    ["LONG4 (0x8b)", bytes("\x8b\xff\xff\xff\x7f")],
    ["FRAME (0x95)", bytes("\x95")],
    ["DUP (0x32)", bytes("N2")],
    ["without a name (0xfe)", bytes("\xfe")],
  ])("refuses the opcode %s", (name, value) => {
    expect(() => read(value)).toThrow(`it has the opcode ${name}`);
  });

  const many = (count: number, piece: string) => bytes(piece.repeat(count));
  it.each<[string, Uint8Array, RegExp]>([
    ["another protocol", bytes("\x80\x05N."), /has protocol 5; torch.save writes 2/],
    ["a call of a constant", pickle(call(global("torch", "bfloat16"))), /calls torch.bfloat16, which is no function/],
    [
      "a call of a class that is only made",
      pickle(call(global("argparse", "Namespace"))),
      /calls argparse.Namespace, which is no/,
    ],
    ["a call of a string", pickle(call(str("os.system"), str("id"))), /calls "os.system", which is no function/],
    ["a call with a dict", pickle(bytes(global("torch", "Size"), "}R")), /calls a function with a dict of 0/],
    ["an object of a function", pickle(bytes(global("torch", "device"), ")\x81")), /makes an object of torch.device/],
    [
      "an object with arguments",
      pickle(bytes(global("argparse", "Namespace"), write.tuple(int(1)), "\x81")),
      /with a list of 1/,
    ],
    ["a state for a list", pickle(bytes("]}b")), /gives a state to a list of 0/],
    [
      "a state for a tensor",
      pickle(bytes(write.tensor({ key: "0", elements: 1, shape: [1] }), "}b")),
      /state to a tensor/,
    ],
    ["items of a list", pickle(bytes("]", str("a"), int(1), "s")), /sets items of a list/],
    ["a key without a value", pickle(bytes("}(", str("a"), "u")), /a key without a value/],
    ["an append to a dict", pickle(bytes("}Na")), /appends to a dict/],
    ["a value from an empty stack", pickle(bytes("R")), /takes a value from an empty stack/],
    ["a value from below a mark", pickle(bytes("N(\x85t")), /takes a value from an empty stack/],
    ["no mark", pickle(bytes("t")), /no mark to go back to/],
    ["an unknown memo", pickle(bytes("h\x03")), /recalls the value 3, which it never stored/],
    ["two values in the end", pickle(bytes("NN")), /ends with more than one value/],
    ["an open mark in the end", pickle(bytes("N(N")), /ends with more than one value/],
    ["nothing in the end", pickle(bytes("")), /takes a value from an empty stack/],
    ["bytes after its end", bytes(pickle(bytes("N")), "N"), /1 bytes follow its end/],
    ["an integer of 17 bytes", pickle(bytes("\x8a\x11", new Uint8Array(17))), /has an integer of 17 bytes/],
    ["a string longer than the file", pickle(str("a", 0xffffffff)), /ends in the middle \(truncated\?\)/],
    ["a string that is not UTF-8", pickle(bytes("X\x01\x00\x00\x00\xff")), /a string is not UTF-8/],
    ["a name without an end", pickle(bytes("c", "a".repeat(5000))), /the name of a global does not end/],
    [
      "a storage with a path for a key",
      pickle(write.tensor({ key: "../0", elements: 1, shape: [1] })),
      /has the key "..\/0"/,
    ],
    ["a storage of an unknown kind", pickle(bytes(write.tuple(str("module"), int(1)), "Q")), /no storage of PyTorch/],
    [
      "a negative size",
      pickle(write.tensor({ key: "0", elements: 1, shape: [-1] })),
      /no valid offset, sizes and strides/,
    ],
    [
      "more elements than can be",
      pickle(write.tensor({ key: "0", elements: 1, shape: Array(8).fill(2 ** 30) })),
      /more elements/,
    ],
    ["17 axes", pickle(write.tensor({ key: "0", elements: 1, shape: Array(17).fill(1) })), /no valid offset/],
    [
      "a tensor of a list",
      pickle(call(global("torch._utils", "_rebuild_tensor_v2"), bytes("]"))),
      /a tensor is made of a list/,
    ],
    ["a parameter of a string", pickle(call(global("torch._utils", "_rebuild_parameter"), str("a"))), /made of "a"/],
    [
      "two million instructions",
      pickle(bytes(many(1_050_000, "(t"), "N")),
      /makes more than 1048576 objects|more than 2097152 in/,
    ],
    ["300,000 dicts", pickle(many(300_000, "}")), /makes more than 1048576 objects/],
    ["a million lists", pickle(many(1_050_000, "]")), /makes more than 1048576 objects/],
  ])("refuses %s", (_, data, message) => {
    const found = refusal(data);
    expect(found).toMatch(message);
    expect(found).toMatch(/^x\.pt: data\.pkl is refused: .* \(before byte \d+\)\.$/);
  });

  it("reads what is nested 300,000 deep, without recursion", () => {
    expect(read(bytes("N", "\x85".repeat(300_000)))).toHaveLength(1);
  });

  it("expands nothing: a bomb of shared lists costs its own length", () => {
    // Each list holds the one before it ten times: 10^60 values in all.
    const level = (index: number) =>
      bytes("](", `h${String.fromCharCode(index)}`.repeat(10), `eq${String.fromCharCode(index + 1)}`);
    const bomb = bytes("]q\x00", ...Array.from({ length: 60 }, (_, index) => level(index)));
    const start = performance.now();
    expect(readPickle(pickle(write.bytes("(", bomb, "t")), "x.pt")).toHaveLength(61);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it("ends cleanly whatever the bytes are", () => {
    const anything = fc.uint8Array({ maxLength: 200 });
    const opcodes = fc.array(
      fc.constantFrom(..."\x80(NJKMGX)]}auesqhcR\x81bQ.\x85\x86\x87t".split(""), "\x00", "\x01", "\x02"),
      { maxLength: 60 },
    );
    const check = (data: Uint8Array) => {
      try {
        readPickle(data, "x.pt");
      } catch (error) {
        if (!KvfoldError.isInstance(error)) throw error;
        expect(error.message.length).toBeLessThan(500);
      }
    };
    fc.assert(fc.property(anything, check), { numRuns: 3000 });
    fc.assert(
      fc.property(opcodes, (codes) => check(bytes(codes.join("")))),
      { numRuns: 5000 },
    );
  });

  const goldens = goldensPath("megatron");
  it.skipIf(goldens === undefined)("reads a real checkpoint, no part of it, and survives any damage to it", () => {
    const file = readFileSync(join(goldens ?? "", "gqa/tp1/iter_0001000/mp_rank_00/model_optim_rng.pt"));
    const { offset, size } = readStoredZip(memorySource(file)).get("model_optim_rng/data.pkl") ?? {
      offset: 0,
      size: 0,
    };
    const data = new Uint8Array(file.subarray(offset, offset + size));
    const root = readPickle(data, "x.pt");
    expect(root instanceof PickleDict && [...root.entries.keys()]).toEqual(
      expect.arrayContaining(["args", "iteration", "model", "optimizer", "rng_state"]),
    );
    for (let length = 0; length < size; length += 61) {
      expect(() => readPickle(data.subarray(0, length), "x.pt")).toThrow(KvfoldError);
    }
    fc.assert(
      fc.property(fc.nat(size - 1), fc.nat(255), (at, value) => {
        const damaged = data.slice();
        damaged[at] = value;
        try {
          readPickle(damaged, "x.pt");
        } catch (error) {
          if (!KvfoldError.isInstance(error)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });
});
