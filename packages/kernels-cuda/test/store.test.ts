import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Emulator } from "./emulated-driver.js";
import type { Act } from "./same-store.js";
import { compareStores, storeCases } from "./store-cases.js";
import { emulator } from "./use-emulator.js";

/** How far numbers near 1, up to 4, may be from those over float32 entries, and 1e-5 where those are float32 themselves. */
const tolerances = { f32: 1e-5, bf16: 0.04, int8: 0.12 };

describe.skipIf(emulator === undefined)("CudaStore in the default precision", () => {
  const device = emulator as Emulator;

  it.each(storeCases)("does as the reference store: %s", async (_, options, acts) => {
    await compareStores(device, [options, acts], tolerances.f32);
  });

  describe.each(["bf16", "int8"] as const)("over entries in %s", (codec) => {
    it.each(storeCases)("does nearly as the reference store: %s", async (_, options, acts) => {
      await compareStores(device, [{ ...options, codec }, acts], tolerances[codec]);
    });
  });

  it("does as the reference store whatever happens, to heads of any size", async () => {
    const kinds = storeCases.map(([, { traits }]) => traits);
    const write = (overwrites: boolean): fc.Arbitrary<Act> =>
      fc
        .tuple(fc.constantFrom(1, 1, 1, 2, 5, 17), fc.integer({ min: 1, max: 17 }), fc.integer({ min: 1, max: 9 }))
        .map(([tokens, other, most]) => ({
          tokens,
          lengths: [tokens, Math.min(tokens, other)],
          ...(overwrites ? { overwrites: most } : {}),
        }));
    const settings = fc
      .record({
        traits: fc.constantFrom(...kinds),
        codec: fc.constantFrom("f32", "f32", "bf16", "int8"),
        group: fc.integer({ min: 1, max: 9 }),
        kvHeads: fc.integer({ min: 1, max: 2 }),
        headDim: fc.integer({ min: 1, max: 50 }).map((half) => 2 * half),
        seed: fc.nat(1000),
        overwrites: fc.boolean(),
      })
      .chain((setting) => {
        const overwrites = setting.overwrites && setting.traits.mergeWindow === undefined && !setting.traits.lossless;
        const others: Act[] = [{ act: "snapshot" }, { act: "restore" }, { act: "export" }];
        const acts = fc.array(fc.oneof(write(overwrites), write(overwrites), fc.constantFrom(...others)), {
          minLength: 2,
          maxLength: 6,
        });
        return fc.tuple(fc.constant(setting), acts);
      });
    await fc.assert(
      fc.asyncProperty(settings, async ([{ traits, codec, group, kvHeads, headDim, seed }, acts]) => {
        const shape = { layer: 0, layers: 1, queryHeads: group * kvHeads, kvHeads, headDim };
        const tolerance = tolerances[codec as keyof typeof tolerances];
        await compareStores(device, [{ shape, traits, rows: 2, codec }, acts], tolerance, seed);
      }),
      { numRuns: 15, seed: 7 },
    );
  });

  it("names the storages that there are", async () => {
    const [, options, acts] = storeCases[0] as (typeof storeCases)[number];
    await expect(compareStores(device, [{ ...options, codec: "q4" }, acts], 0)).rejects.toMatchObject({
      code: "cache-codec",
    });
  });
});
