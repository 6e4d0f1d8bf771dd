// Decoding steps of every family, with dense weights and, in Gemma, norms behind the blocks, are replayed bit for bit.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { goldensPath } from "@kvfold/core/testing";
import { full, type KvCache } from "@kvfold/kv-cache";
import { Decoder, loadDecoderWeights, openHfFolder, parseConfig } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "../src/index.js";

beforeAll(async () => {
  await tf.setBackend("native");
});

const folder = goldensPath("hf/models") as string;
const { cases } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as {
  cases: Record<string, { dir: string }>;
};

/** What the cache keeps of its decoder: the state of the recording. */
function stateOf(cache: KvCache): { kind?: string; reason?: string } {
  const [kept] = [...(cache as unknown as { owned: Map<object, { state?: object }> }).owned.values()];
  return kept?.state ?? {};
}

const token = (i: number) => 5 + ((i * 7919) % 50);

describe.each(Object.entries(cases))("%s", (_, { dir }) => {
  it("replays its steps, and gives the bits of steps that are not replayed", () => {
    const path = join(folder, dir);
    using source = openHfFolder(path);
    const config = parseConfig(JSON.parse(readFileSync(join(path, "config.json"), "utf8")));
    using decoder = new Decoder(config, loadDecoderWeights(source, config));
    using replayed = decoder.createCache(full(), 2);
    using plain = decoder.createCache(full(), 2);
    const step = (cache: KvCache, i: number, logits: "last" | "all") =>
      tf.tidy(() => decoder.forward(cache, [[token(i)], [token(i + 3)]], { logits }).dataSync());
    for (let i = 0; i < 8; i++) expect(step(replayed, i, "last")).toEqual(step(plain, i, "all"));
    expect(stateOf(replayed)).toMatchObject({ kind: "recorded" });
  });
});
