import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mapFile } from "./mapped-file.js";

describe("mapFile", () => {
  let folder: string;
  let path: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "kvfold-map-"));
    path = join(folder, "weights");
    writeFileSync(path, "some weights");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("gives the file's bytes, and none after dispose", () => {
    const file = mapFile(path);
    expect(Buffer.from(file.bytes).toString()).toBe("some weights");
    const view = file.bytes.subarray(5);
    file.dispose();
    expect([file.bytes.length, view.length]).toEqual([0, 0]);
    file.dispose();
  });

  it("keeps writes to itself", () => {
    using file = mapFile(path);
    file.bytes[0] = 0;
    expect(readFileSync(path, "utf8")).toBe("some weights");
  });

  it("gives an empty array for an empty file", () => {
    const empty = join(folder, "empty");
    writeFileSync(empty, "");
    expect(mapFile(empty).bytes.length).toBe(0);
  });

  it("says which file cannot be mapped, and why", () => {
    expect(() => mapFile(join(folder, "absent"))).toThrow(/Cannot map .*absent: No such file or directory\./);
    expect(() => mapFile(folder)).toThrow(/Cannot map/);
  });
});
