import { describe, expect, it } from "vitest";
import { goldenFiles } from "../../test/golden.js";

/** Files that the tests beside this one compare completely, and those of the whole-model test in the models package. */
const tested = /^(pooling|decisions|attention|decode_mha|decode_gqa|losses|worked_example)\.safetensors$|^tiny_llama\//;

const pending: Readonly<Record<string, string>> = {
  "dms.safetensors": "needs delayed eviction, which comes with training",
};

describe("files of the golden set", () => {
  const files = Object.keys(goldenFiles);

  it.skipIf(files.length === 0)("are tested, or pending for a stated reason", () => {
    expect(files.filter((file) => !tested.test(file) && pending[file] === undefined)).toEqual([]);
    for (const [file, reason] of Object.entries(pending)) {
      if (files.includes(file)) console.info(`Pending in ${file} (${reason}): ${expectedOf(file).join(", ")}`);
    }
  });
  for (const [file, reason] of Object.entries(pending)) {
    for (const name of expectedOf(file)) it.todo(`${file}: ${name} (${reason})`);
  }
});

function expectedOf(file: string): string[] {
  return (goldenFiles[file]?.tensors ?? []).flatMap(({ name, role }) => (role === "expected" ? [name] : []));
}
