import type { StoreOptions } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import type { Emulator } from "./emulated-driver.js";
import { type Act, play } from "./same-store.js";

const shape = { queryHeads: 4, kvHeads: 2, headDim: 8 };
const optionsOf = (traits: object, more: object = {}): StoreOptions =>
  ({
    shape: { ...shape, ...more },
    traits: { rotation: "at-write", columns: [], lossless: true, chunking: "exact", ...traits },
    rows: 2,
    codec: "f32",
  }) as unknown as StoreOptions;

const ragged: Act = { tokens: 19, lengths: [19, 7] };

/** Test helper: what stores of all kinds go through. */
export const storeCases: readonly [string, StoreOptions, readonly Act[]][] = [
  ["appends one by one", optionsOf({}), Array.from({ length: 20 }, () => ({ tokens: 1 }))],
  ["appends chunks", optionsOf({ columns: ["position"] }), [ragged, { tokens: 1 }, { tokens: 34 }, { tokens: 1 }]],
  ["entries that end", optionsOf({ columns: ["position", "until"] }), [ragged, { tokens: 1 }, { tokens: 3 }]],
  [
    "returns, forks and forgets",
    optionsOf({ columns: ["position"] }),
    [
      ragged,
      { act: "snapshot" },
      { tokens: 1 },
      { tokens: 2 },
      { act: "restore" },
      { tokens: 1 },
      { act: "select", rows: [1, 0, 1, -1] },
      { tokens: 1 },
      { act: "crop", entries: [3, 18, 0, 1] },
      { tokens: 2 },
      { act: "export" },
      { tokens: 1 },
    ],
  ],
  [
    "drops",
    optionsOf({ columns: ["position"], lossless: false }),
    [
      { tokens: 1 },
      ragged,
      { tokens: 1, drop: { op: "drop-range", from: 2, keepLast: 5 } },
      { tokens: 1, drop: { op: "drop-lowest", keep: 4 } },
      { tokens: 1, drop: { op: "drop-lowest", keep: 4, scope: "row" } },
      { tokens: 1, drop: { op: "drop-below", threshold: -0.2 } },
      { tokens: 1 },
    ],
  ],
  ["attention mass", optionsOf({ columns: ["position"], massQueries: 1 }), [ragged, { tokens: 1 }, { tokens: 1 }]],
  [
    "merges within a window",
    optionsOf({ columns: ["position"], mergeWindow: 4, lossless: false }),
    [ragged, { tokens: 1 }, { tokens: 1 }, { act: "export" }, { tokens: 5 }, { tokens: 1 }],
  ],
  [
    "merges whole segments",
    optionsOf({ columns: ["position"], mergeWindow: null, lossless: false }),
    [{ tokens: 1 }, { tokens: 1 }, ragged, { act: "snapshot" }, { tokens: 1 }, { act: "restore" }, { tokens: 4 }],
  ],
  [
    "keys rotated when they are read",
    optionsOf({ columns: ["position"], rotation: "at-read", massQueries: 2 }),
    [ragged, { tokens: 1 }, { act: "crop", entries: [11, 4] }, { tokens: 2 }],
  ],
  [
    "keys that stand where they lie",
    optionsOf({ columns: ["position"], rotation: "at-read", readPosition: "slot", lossless: false }),
    [ragged, { tokens: 1, drop: { op: "drop-range", from: 2, keepLast: 5 } }, { tokens: 1 }, { tokens: 3 }],
  ],
  [
    "averages rotated when they are read",
    optionsOf({ columns: ["position"], rotation: "at-read", mergeWindow: 3, lossless: false }),
    [ragged, { tokens: 1 }, { tokens: 2 }],
  ],
  [
    "overwrites one by one and in chunks",
    optionsOf({ columns: ["position"], lossless: false }),
    [
      { tokens: 3, overwrites: 4 },
      { tokens: 1, overwrites: 4 },
      { act: "snapshot" },
      { tokens: 9, lengths: [9, 2], overwrites: 6 },
      { tokens: 1, overwrites: 6 },
      { act: "restore" },
      { tokens: 5, overwrites: 3 },
    ],
  ],
];

/** Test helper: plays acts on the reference store and on the device's, and compares all that they show. */
export async function compareStores(
  emulator: Emulator,
  [options, acts]: readonly [StoreOptions, readonly Act[]],
  tolerance: number,
  seed?: number,
): Promise<void> {
  await tf.setBackend("cpu");
  const wanted = play({ ...options, codec: "f32" }, acts, seed);
  await tf.setBackend("cuda");
  const found = play(options, acts, seed);
  expect(found.lengths).toEqual(wanted.lengths);
  expect(found.peak).toBe(wanted.peak);
  found.values.forEach((values, i) => {
    const far = wanted.values[i]?.findIndex((want, at) => !(Math.abs((values[at] as number) - want) <= tolerance));
    expect([values.length, far], `values ${i}`).toEqual([wanted.values[i]?.length, -1]);
  });
  expect(emulator.report().problems).toEqual([]);
}
