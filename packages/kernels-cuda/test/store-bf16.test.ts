import { describe, it } from "vitest";
import type { Emulator } from "./emulated-driver.js";
import { compareStores, storeCases } from "./store-cases.js";
import { emulator } from "./use-emulator-bf16.js";

/** Queries, probabilities and float32 entries have 16 bits each in chunks; the rest is what storing rounds. */
const tolerances = { f32: 2e-4, bf16: 0.04, int8: 0.12 };

describe.skipIf(emulator === undefined)("CudaStore where products count with bf16", () => {
  describe.each(["f32", "bf16", "int8"] as const)("over entries in %s", (codec) => {
    it.each(storeCases)("does nearly as the reference store: %s", async (_, options, acts) => {
      await compareStores(emulator as Emulator, [{ ...options, codec }, acts], tolerances[codec]);
    });
  });
});
