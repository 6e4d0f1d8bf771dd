import { chooseBackend } from "@kvfold/core";
import { seeded } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RaggedTable } from "./ragged-table.js";

await chooseBackend({ prefer: "cpu" });

let table: RaggedTable;
let before: number;

beforeEach(() => {
  before = tf.memory().numTensors;
  table = new RaggedTable({}, 3);
  tf.tidy(() => {
    table.setField("x", tf.zeros([0]));
    table.setField("pair", tf.zeros([0, 2]));
  });
});

afterEach(() => {
  table.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

/** Writes the same numbers into both fields. */
function write(values: number[], counts: number[], replaceLast = [0, 0, 0]): void {
  tf.tidy(() => {
    const x = tf.tensor1d(values);
    table.write({ fields: { x, pair: tf.stack([x, x], 1) }, counts, replaceLast });
  });
}

const content = () => {
  let at = 0;
  const all = [...table.field("x").dataSync()];
  return table.lengths.map((length) => {
    at += length;
    return all.slice(at - length, at);
  });
};

describe("RaggedTable", () => {
  it("appends to and overwrites the end of each lane", () => {
    write([1, 2, 3, 4], [2, 0, 2]);
    write([5, 6, 7], [1, 1, 1], [1, 0, 0]);
    expect(content()).toEqual([[1, 5], [6], [3, 4, 7]]);
    expect(table.field("pair").shape).toEqual([6, 2]);
  });

  it("keeps the named slots, and whole lanes where none are named", () => {
    write([1, 2, 3, 4, 5, 6], [3, 1, 2]);
    table.keep([[0, 2], undefined, []]);
    expect(content()).toEqual([[1, 3], [4], []]);
  });

  it("selects, repeats and adds lanes", () => {
    write([1, 2, 3, 4], [2, 1, 1]);
    table.selectLanes([2, 0, 0, -1]);
    expect(content()).toEqual([[4], [1, 2], [1, 2], []]);
  });

  it("reads and replaces a column of some lanes", () => {
    write([1, 2, 3, 4], [2, 1, 1]);
    tf.tidy(() => {
      expect([...table.packed("x", [0, 2]).dataSync()]).toEqual([1, 2, 4]);
      table.setPacked("x", [2, 0], tf.tensor1d([9, 7, 8]));
    });
    expect(content()).toEqual([[7, 8], [3], [9]]);
  });

  it("shares memory with what was kept from it until it is written", () => {
    write([1, 2], [1, 1, 0]);
    const kept = table.field("x").dataId;
    const bytes = tf.memory().numDataBuffers;
    table.setField("x", table.field("x"));
    expect(table.field("x").dataId).toBe(kept);
    expect(tf.memory().numDataBuffers).toBe(bytes);
  });

  it("names the fields that exist when one does not", () => {
    expect(() => table.field("mass")).toThrow("no field 'mass' in this store; there are x, pair");
  });

  it("does what plain arrays do, whatever the order of calls", () => {
    const random = seeded(3);
    const model: number[][] = [[], [], []];
    let next = 1;
    for (let i = 0; i < 60; i++) {
      if (random.next() < 0.7) {
        const counts = model.map(() => Math.floor(random.next() * 3));
        const replaceLast = model.map((lane, l) => (counts[l] && lane.length > 0 && random.next() < 0.5 ? 1 : 0));
        const values = counts.map((count) => Array.from({ length: count }, () => next++));
        write(values.flat(), counts, replaceLast);
        model.forEach((lane, l) => {
          if (replaceLast[l]) lane.pop();
          lane.push(...(values[l] as number[]));
        });
      } else {
        const kept = model.map((lane) => lane.map((_, slot) => slot).filter(() => random.next() < 0.6));
        table.keep(kept);
        kept.forEach((slots, l) => {
          const lane = model[l] as number[];
          lane.splice(0, lane.length, ...slots.map((slot) => lane[slot] as number));
        });
      }
      expect(content()).toEqual(model);
    }
  });
});
