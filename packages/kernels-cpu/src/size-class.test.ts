import { describe, expect, it } from "vitest";
import { loadKernels } from "./load-kernels.js";
import { sizeClass } from "./size-class.js";

describe("sizeClass", () => {
  it("gives the classes of the addon's pool", () => {
    const kernels = loadKernels();
    if (!kernels.available) throw new Error(kernels.reason);
    const sizes = [0, 1, 63, 64, 65, 80, 81, 96, 127, 128, 129, 1e6, 1e6 + 1];
    for (let power = 7; power < 40; power++)
      for (const d of [-1, 0, 1]) sizes.push(2 ** power + d, 1.25 * 2 ** power + d);
    expect(sizes.map(sizeClass)).toEqual(sizes.map((size) => kernels.addon.classBytes(size)));
  });
});
