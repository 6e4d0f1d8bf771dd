import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { comparePolicies } from "./compare-policies.js";

describe("a model of one's own", () => {
  it("writes under every policy, within the budgets, and leaves nothing behind", async () => {
    await chooseBackend({ prefer: "wasm" });
    const before = tf.memory().numTensors;
    const table = comparePolicies();
    console.log(table);
    expect(tf.memory().numTensors).toBe(before);
    const rows = table
      .split("\n")
      .slice(1)
      .map((line) => line.split(/\s{2,}/));
    const lanes = 3 * 4;
    expect(rows.map(([name]) => name?.split(":")[0])).toEqual(["full", "window", "h2o", "tova", "dmc"]);
    // entries: all tokens, or the budget of 64 in every lane
    expect(rows.slice(0, 4).map(([, , entries]) => Number(entries))).toEqual([160, 64, 64, 64].map((n) => n * lanes));
    expect(rows[0]?.at(-1)).toBe("60/60");
    const merged = Number(rows[4]?.[2]);
    expect(merged).toBeGreaterThan(10 * lanes);
    expect(merged).toBeLessThan(150 * lanes);
  });
});
