import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { mayHaveLibrary } from "./may-have-library.js";

it("looks where the dynamic linker does", () => {
  const folder = mkdtempSync(join(tmpdir(), "kvfold-library-"));
  const before = process.env.LD_LIBRARY_PATH;
  try {
    const cache = join(folder, "cache");
    writeFileSync(cache, "\0libcuda.so.1\0/usr/lib/libcuda.so.1\0");
    writeFileSync(join(folder, "libplaced.so.1"), "");
    expect(mayHaveLibrary("libcuda.so.1", cache)).toBe(true);
    expect(mayHaveLibrary("libplaced.so.1", cache)).toBe(false);
    process.env.LD_LIBRARY_PATH = `:${folder}`;
    expect(mayHaveLibrary("libplaced.so.1", cache)).toBe(true);
    expect(mayHaveLibrary("libnowhere.so.1", cache)).toBe(false);
    expect(mayHaveLibrary("libnowhere.so.1", join(folder, "none"))).toBe(true);
  } finally {
    if (before === undefined) delete process.env.LD_LIBRARY_PATH;
    else process.env.LD_LIBRARY_PATH = before;
    rmSync(folder, { recursive: true, force: true });
  }
});
