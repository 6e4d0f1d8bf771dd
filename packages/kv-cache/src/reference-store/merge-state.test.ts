import { chooseBackend } from "@kvfold/core";
import { seeded } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { emptyMergeTensors, joinLanes, type MergeTensors, mergeTokens, pickLanes, putLanes } from "./merge-state.js";

interface Token {
  readonly item: number[];
  readonly merge: number;
  readonly omega: number;
}

/** The update of one lane, token by token and in double: sums with a ring that takes out what left the window. */
function plainLoop(tokens: readonly Token[], window: number | null, width: number): number[][] {
  const w = window ?? Number.POSITIVE_INFINITY;
  const ring: { sums: number[]; omega: number }[] = [];
  let sums = new Array<number>(width).fill(0);
  let [z, n] = [0, 0];
  return tokens.map(({ item, merge, omega }, t) => {
    const alpha = t === 0 ? 0 : merge;
    n = alpha * n + 1;
    const left = ring[t - w];
    const drop = n > w && left ? 1 : 0;
    const weighted = item.map((x) => omega * x);
    sums = sums.map((s, i) => alpha * s - drop * (left?.sums[i] ?? 0) + (weighted[i] as number));
    z = alpha * z - drop * (left?.omega ?? 0) + omega;
    ring.push({ sums: weighted, omega });
    return sums.map((s) => s / z);
  });
}

function drawLane(seed: number, count: number, width: number): Token[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => ({
    item: [...random.normals(width)],
    merge: random.next() < 0.75 ? 1 : 0,
    omega: 0.05 + random.next(),
  }));
}

const width = 4;

/** Merges lanes of tokens in chunks, as the store does. */
function inChunks(
  lanes: readonly Token[][],
  sizes: readonly (readonly number[])[],
  window: number | null,
): number[][][] {
  return tf.tidy(() => {
    let state: MergeTensors = emptyMergeTensors(lanes.length, width, window);
    const done = lanes.map(() => 0);
    const states = lanes.map((): number[][] => []);
    for (const lengths of sizes) {
      const tokens = Math.max(...lengths);
      const padded = lanes.map((lane, l) =>
        Array.from({ length: tokens }, (_, t): Token => {
          const token = t < (lengths[l] ?? 0) ? lane[(done[l] ?? 0) + t] : undefined;
          return token ?? { item: new Array(width).fill(7), merge: 1, omega: 7 };
        }),
      );
      const column = (pick: (token: Token, position: number) => number) =>
        tf.tensor2d(padded.map((lane, l) => lane.map((token, t) => pick(token, (done[l] ?? 0) + t))));
      const result = mergeTokens(
        {
          items: tf.tensor3d(padded.map((lane) => lane.map(({ item }) => item))),
          merge: column(({ merge }, position) => (position === 0 ? 0 : merge)),
          omega: column(({ omega }) => omega),
          starts: [...done],
          lengths,
        },
        state,
        window,
      );
      state = result.state;
      (result.pooled.arraySync() as number[][][]).forEach((lane, l) => {
        states[l]?.push(...lane.slice(0, lengths[l]));
        done[l] = (done[l] ?? 0) + (lengths[l] ?? 0);
      });
    }
    return states;
  });
}

describe.each(["cpu", "wasm"])("mergeTokens on %s", (backend) => {
  it.each([
    ["token by token", Array.from({ length: 30 }, () => [1, 1, 1])],
    ["in one chunk", [[30, 30, 30]]],
    ["in chunks of one size", [7, 7, 7, 7, 2].map((n) => [n, n, n])],
    [
      "in ragged chunks",
      [
        [1, 20, 3],
        [5, 1, 2],
        [1, 1, 1],
        [23, 8, 24],
      ],
    ],
  ])("%s equals the plain loop", async (_, sizes) => {
    await chooseBackend({ prefer: backend });
    for (const window of [12, 3, 1, null]) {
      const lanes = [1, 2, 3].map((seed) => drawLane(seed, 30, width));
      const actual = inChunks(lanes, sizes, window);
      lanes.forEach((lane, l) => {
        const expected = plainLoop(lane, window, width);
        expect(actual[l]?.length).toBe(30);
        actual[l]?.flat().forEach((x, i) => {
          expect(Math.abs(x - (expected.flat()[i] as number))).toBeLessThan(1e-5);
        });
      });
    }
  });

  it("does not drift over thousands of merges into one segment", async () => {
    await chooseBackend({ prefer: backend });
    const count = 3000;
    const lane = drawLane(9, count, width).map((token) => ({ ...token, merge: 1 }));
    const actual = inChunks([lane], new Array(count).fill([1]), 12)[0]?.at(-1) as number[];
    // the last state is the average of the last 12 tokens alone
    const expected = plainLoop(lane.slice(-12), null, width).at(-1) as number[];
    actual.forEach((x, i) => {
      expect(Math.abs(x - (expected[i] as number))).toBeLessThan(1e-6);
    });
  });
});

describe("lanes of merge state", () => {
  const state = (values: number[]): MergeTensors => ({
    sums: tf.tensor2d(values, [values.length, 1]),
    count: tf.tensor1d(values),
  });
  const counts = (s: MergeTensors) => [...s.count.dataSync()];

  it("are picked, joined and replaced by number", () => {
    tf.tidy(() => {
      expect(counts(pickLanes(state([1, 2, 3]), [2, 0, 2]))).toEqual([3, 1, 3]);
      expect(counts(joinLanes(state([1]), state([2, 3])))).toEqual([1, 2, 3]);
      expect(counts(putLanes(state([1, 2, 3]), [2, 0], state([8, 9])))).toEqual([9, 2, 8]);
    });
  });
});
