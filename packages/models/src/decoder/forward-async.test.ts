// A layer takes the portable backend ten milliseconds and more with this prompt: steps here always have turns.
import { join } from "node:path";
import { chooseBackend } from "@kvfold/core";
import { repositoryRoot } from "@kvfold/core/testing";
import { full } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { LanguageModel } from "../language-model.js";
import { loadLocalModel } from "../load-model.js";

const prompt = Array.from({ length: 16 }, (_, i) => 5 + ((i * 7919) % 300));
let model: LanguageModel;
let before: number;

beforeEach(async () => {
  await chooseBackend({ prefer: "cpu" });
  before = tf.memory().numTensors;
  model = await loadLocalModel(join(repositoryRoot(), "packages/demo-model/plain"));
});
afterEach(() => {
  model.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

it.each(["last", "all"] as const)(
  "gives the bits of forward, logits: %s, and leaves the same cache",
  async (logits) => {
    using now = model.createCache(full());
    using later = model.createCache(full());
    const [wanted, found] = [
      model.forward(now, [prompt], { logits }),
      await model.forwardAsync(later, [prompt], { logits }),
    ];
    expect(found.shape).toEqual(wanted.shape);
    expect(found.dataSync()).toEqual(wanted.dataSync());
    const steps = [model.forward(now, [[7]]), await model.forwardAsync(later, [[7]])] as const;
    expect(steps[1].dataSync()).toEqual(steps[0].dataSync());
    expect(later.stats()).toEqual(now.stats());
    tf.dispose([wanted, found, ...steps]);
  },
);

it("gives the event loop turns, in which the cache cannot be changed", async () => {
  using cache = model.createCache(full());
  const running = model.forwardAsync(cache, [prompt]);
  const uses = [
    () => cache.crop(0),
    () => cache.fork(),
    () => cache.addRows(1),
    () => cache.checkpoint(),
    () => cache.snapshotLayers(),
    () => model.forward(cache, [prompt]),
    () => model.decoder.hidden(cache, [prompt]),
  ];
  for (const use of uses) expect(use).toThrow(/A step on this cache is under way; await it first/);
  await expect(model.forwardAsync(cache, [prompt])).rejects.toMatchObject({ code: "cache-busy" });
  expect(cache.tokens).toEqual([0]);
  using other = model.createCache(full());
  model.forward(other, [[5]]).dispose();
  (await running).dispose();
  expect(cache.tokens).toEqual([prompt.length]);
  cache.crop(0);
});

it("ends with an error when the cache is disposed of meanwhile, and frees it", async () => {
  {
    using first = model.createCache(full());
    model.forward(first, [prompt]).dispose(); // makes the tables of angles, which are the model's
  }
  const weights = tf.memory().numTensors;
  const cache = model.createCache(full());
  const running = model.forwardAsync(cache, [prompt]);
  cache.dispose();
  await expect(running).rejects.toMatchObject({ code: "cache-disposed" });
  expect(tf.memory().numTensors).toBe(weights);
});

it("ends with an error when the model is disposed of meanwhile, and frees it", async () => {
  using cache = model.createCache(full());
  const running = model.forwardAsync(cache, [prompt]);
  model.dispose();
  expect(tf.memory().numTensors).toBeGreaterThan(before);
  await expect(running).rejects.toMatchObject({ code: "decoder-disposed" });
  // and freed once only, files included
  await expect(model.forwardAsync(cache, [prompt])).rejects.toMatchObject({ code: "decoder-disposed" });
  model.dispose();
});

it("ends with an error when another backend is chosen meanwhile", async () => {
  await chooseBackend({ prefer: "wasm" });
  await chooseBackend({ prefer: "cpu" });
  using cache = model.createCache(full());
  const running = model.forwardAsync(cache, [prompt]);
  await tf.setBackend("wasm");
  await expect(running).rejects.toMatchObject({ code: "backend-changed" });
});

it("lets a generation end with an error, too", async () => {
  const cache = model.createCache(full());
  const running = model.generate(prompt, { cache, maxTokens: 4 }).result();
  setImmediate(() => cache.dispose());
  await expect(running).rejects.toMatchObject({ code: "cache-disposed" });
});
