import { expect, it } from "vitest";
import { goldenFiles } from "../../test/golden.js";

/** Files that the tests beside this one compare, and those of the whole-model tests in the packages models and train. */
const tested =
  /^(pooling|decisions|attention|decode_mha|decode_gqa|losses|worked_example|dms)\.safetensors$|^tiny_llama\//;

const files = Object.keys(goldenFiles);

it.skipIf(files.length === 0)("every file of the golden set has its test", () =>
  expect(files.filter((file) => !tested.test(file))).toEqual([]),
);
