import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import "../cuda-kernels.js";
import { packageFile } from "../package-file.js";
import { declaredKernels } from "./device-kernel.js";
import { argsLayout, type Fields } from "./kernel-args.js";

/** Every struct of the headers, as fields. */
function structsOfHeaders(): Map<string, Fields> {
  const folder = packageFile("native/kernels/args");
  const text = readdirSync(folder)
    .map((file) => readFileSync(`${folder}/${file}`, "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, ""))
    .join("\n");
  const constants = new Map([...text.matchAll(/constexpr int32_t (\w+) = (\d+);/g)].map(([, name, n]) => [name, n]));
  const bodies = new Map(
    [...text.matchAll(/struct (\w+) \{([^}]*)\};/g)].map(([, name = "", body = ""]) => [name, body]),
  );
  const fieldsOf = (body: string): Fields =>
    Object.fromEntries(
      [...body.matchAll(/(\w+) (\w+)(?:\[(\w+)\])?;/g)].map(([, type = "", name = "", bound]) => {
        const length = bound === undefined ? undefined : Number(constants.get(bound) ?? bound);
        const plain = { uint64_t: "wide", int64_t: "wide", int32_t: "int", float: "float" }[type];
        const inner = fieldsOf(bodies.get(type) ?? "");
        if (plain !== undefined) return [name, (length === undefined ? plain : `${plain}[${length}]`) as never];
        // an array of structs of whole numbers is one of whole numbers
        return [name, length === undefined ? inner : (`int[${length * Object.keys(inner).length}]` as never)];
      }),
    );
  return new Map([...bodies].map(([name, body]) => [name, fieldsOf(body)]));
}

/** Struct that each kernel takes, from the CUDA sources. */
function structsOfKernels(): Map<string, string> {
  const folder = packageFile("native/kernels");
  const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => /\.(cu|h)$/.test(file));
  return new Map(
    sources.flatMap((file) =>
      [...readFileSync(`${folder}/${file}`, "utf8").matchAll(/KVFOLD_KERNEL\((kvfold_\w+), (?:kvfold::)?(\w+)\)/g)].map(
        ([, kernel = "", struct = ""]) => [kernel, struct] as const,
      ),
    ),
  );
}

/** Types whose bits are the same have one name. */
function widened(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, type]) => [
      name,
      typeof type === "string" ? (type.replace(/^(address|count|long)/, "wide") as never) : widened(type),
    ]),
  );
}

describe("arguments of kernels", () => {
  it("are declared as the headers declare them, in the same order", () => {
    const [structs, kernels] = [structsOfHeaders(), structsOfKernels()];
    expect(declaredKernels.size).toBeGreaterThan(20);
    for (const [kernel, fields] of declaredKernels) {
      const header = structs.get(kernels.get(kernel) ?? "");
      expect(JSON.stringify(widened(fields)), kernel).toBe(JSON.stringify(header));
    }
  });

  it("lie where C puts them", () => {
    const { bytes, pack } = argsLayout({
      n: "int",
      at: "address",
      inner: { small: "int", wide: "long", last: "float" },
      list: "int[3]",
    });
    expect(bytes).toBe(56);
    const view = new DataView(new ArrayBuffer(bytes));
    pack({ n: -1, at: 2 ** 48 + 5, inner: { small: 7, wide: -3, last: 0.5 }, list: [1, 2] }, view);
    expect(view.getInt32(0, true)).toBe(-1);
    expect(view.getBigUint64(8, true)).toBe(2n ** 48n + 5n);
    expect(view.getInt32(16, true)).toBe(7);
    expect(view.getBigInt64(24, true)).toBe(-3n);
    expect(view.getFloat32(32, true)).toBe(0.5);
    expect([40, 44, 48].map((at) => view.getInt32(at, true))).toEqual([1, 2, 0]);
  });

  it("carry any whole number below 2^53, and nothing of the launch before", () => {
    const { bytes, pack } = argsLayout({ wide: "long", plain: "address", other: "int" });
    const view = new DataView(new ArrayBuffer(bytes));
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeNat(), (wide, plain) => {
        pack({ wide: 1, plain: 1, other: 99 }, view);
        pack({ wide, plain }, view);
        expect(view.getBigInt64(0, true)).toBe(BigInt(wide));
        expect(view.getBigUint64(8, true)).toBe(BigInt(plain));
        expect(view.getInt32(16, true)).toBe(0);
      }),
    );
  });

  it("refuse more values than a field has", () => {
    const { pack } = argsLayout({ list: "int[2]" });
    expect(() => pack({ list: [1, 2, 3] }, new DataView(new ArrayBuffer(8)))).toThrow("3 values for a field of 2");
  });
});
