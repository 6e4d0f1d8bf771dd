import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openSharded } from "./open-sharded.js";
import { openSafetensors } from "./safetensors-file.js";
import { writeSafetensors } from "./write-safetensors.js";

const root = mkdtempSync(join(tmpdir(), "kvfold-sharded-"));
afterAll(() => rmSync(root, { recursive: true }));

const good = join(root, "good");
const indexName = "model.safetensors.index.json";

function folder(name: string, index: unknown): string {
  const path = join(root, name);
  cpSync(good, path, { recursive: true });
  writeFileSync(join(path, indexName), typeof index === "string" ? index : JSON.stringify(index));
  return path;
}

describe("openSharded", () => {
  const one = Float32Array.of(1, 2, 3, 4);
  const two = Float32Array.of(5, 6);
  mkdirSync(good);
  writeSafetensors(join(good, "a.safetensors"), { x: { dtype: "F32", shape: [2, 2], data: one } }, { format: "pt" });
  writeSafetensors(join(good, "b.safetensors"), { y: { dtype: "F32", shape: [2], data: two } });
  writeFileSync(join(good, indexName), JSON.stringify({ weight_map: { x: "a.safetensors", y: "b.safetensors" } }));

  it("reads tensors from the shard that has them", () => {
    using file = openSharded(good);
    expect([...file.tensors.keys()]).toEqual(["x", "y"]);
    expect(file.metadata).toEqual({ format: "pt" });
    expect(file.readFloat32("x")).toEqual(one);
    expect(file.readRowsFloat32("x", 1, 1)).toEqual(one.subarray(2));
    expect(file.read("y")).toEqual(two);
    expect(() => file.readBytes("z")).toThrow(/has no tensor z/);
    file.close();
    expect(() => file.readBytes("x")).toThrow(/was closed/);
  });

  it("reads a single file", () => {
    const single = join(root, "single");
    cpSync(good, single, { recursive: true });
    rmSync(join(single, indexName));
    expect(() => openSharded(single)).toThrow(/neither model.safetensors nor .*; it has a.safetensors, b.safetensors/);
    cpSync(join(single, "a.safetensors"), join(single, "model.safetensors"));
    expect(openSharded(single).readFloat32("x")).toEqual(one);
    expect(() => openSharded(join(root, "none"))).toThrow(/there is no such folder/);
  });

  it.each<[string, unknown, RegExp]>([
    ["no JSON", "{", /is not JSON/],
    ["no map", {}, /has no weight_map/],
    ["a list as map", { weight_map: [] }, /has no weight_map/],
    ["a path out of the folder", { weight_map: { x: "../a.safetensors" } }, /not the name of a .safetensors file/],
    ["an absolute path", { weight_map: { x: "/etc/x.safetensors" } }, /not the name of/],
    ["a number as shard", { weight_map: { x: 1 } }, /not the name of/],
    ["an absent shard", { weight_map: { x: "c.safetensors" } }, /there is no such file/],
    ["a tensor in another shard", { weight_map: { x: "b.safetensors" } }, /"x" is not in b.safetensors/],
    [
      "too many shards",
      { weight_map: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`t${i}`, `s${i}.safetensors`])) },
      /names 1001 shards; at most 1000/,
    ],
  ])("refuses an index with %s", (name, index, message) => {
    expect(() => openSharded(folder(name.replaceAll(" ", "-"), index))).toThrow(message);
  });

  it("refuses a damaged shard", () => {
    const path = folder("damaged", { weight_map: { x: "a.safetensors", y: "b.safetensors" } });
    writeFileSync(join(path, "b.safetensors"), "damaged");
    expect(() => openSharded(path)).toThrow(/b.safetensors is not a valid safetensors file/);
    expect(openSafetensors(join(path, "a.safetensors")).tensors.size).toBe(1);
  });
});
