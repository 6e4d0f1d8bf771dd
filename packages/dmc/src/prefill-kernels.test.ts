import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { randomInputs } from "../test/random-inputs.js";
import { runCache } from "../test/run-cache.js";
import { dmc } from "./dmc.js";
import type { DmcOptions } from "./dmc-options.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

/** How often each TensorFlow.js kernel runs while a prompt is taken in as one chunk. */
async function kernelCalls(options: DmcOptions, tokens: number): Promise<Map<string, number>> {
  const inputs = randomInputs(tokens, { rows: 2, tokens });
  const profile = await tf.profile(() => {
    const { cache, out } = runCache(dmc(options), inputs, tokens);
    cache.dispose();
    out.dispose();
  });
  const calls = new Map<string, number>();
  for (const { name } of profile.kernels) calls.set(name, (calls.get(name) ?? 0) + 1);
  return calls;
}

describe("kernel calls of a prefill", () => {
  it.each<[string, DmcOptions]>([
    ["window 12", {}],
    ["window 3", { window: 3 }],
    ["no window", { window: null }],
    ["forced", { force: 4 }],
    ["all tokens append", { offset: 1000 }],
  ])("do not depend on the prompt's length: %s", async (_name, options) => {
    const short = await kernelCalls(options, 64);
    expect(short.size).toBeGreaterThan(5);
    expect(await kernelCalls(options, 512)).toEqual(short);
  });
});
