import type { StoreOptions } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { type Act, play } from "./same-store.js";
import { emulator } from "./use-emulator.js";

const shape = { queryHeads: 4, kvHeads: 2, headDim: 8 };
const optionsOf = (traits: object, more: object = {}): StoreOptions =>
  ({
    shape: { ...shape, ...more },
    traits: { rotation: "at-write", columns: [], lossless: true, chunking: "exact", ...traits },
    rows: 2,
    codec: "f32",
  }) as unknown as StoreOptions;

const ragged: Act = { tokens: 19, lengths: [19, 7] };
const cases: readonly [string, StoreOptions, readonly Act[]][] = [
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
];

describe.skipIf(emulator === undefined)("CudaStore", () => {
  it.each(cases)("does as the reference store: %s", async (_, options, acts) => {
    await tf.setBackend("cpu");
    const wanted = play(options, acts);
    await tf.setBackend("cuda");
    const found = play(options, acts);
    expect(found.lengths).toEqual(wanted.lengths);
    expect(found.peak).toBe(wanted.peak);
    found.values.forEach((values, i) => {
      const far = wanted.values[i]?.findIndex((want, at) => !(Math.abs((values[at] as number) - want) <= 1e-5));
      expect([values.length, far], `values ${i}`).toEqual([wanted.values[i]?.length, -1]);
    });
    expect(emulator?.report().problems).toEqual([]);
  });
});
