import { join } from "node:path";
import { repositoryRoot, seeded } from "@kvfold/core/testing";
import { loadLocalModel, Sampler, type SamplingOptions } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { emulator } from "../../test/use-emulator.js";
import { drawTokens } from "./draw-tokens.js";

const choices: readonly SamplingOptions[] = [
  {},
  { repetitionPenalty: 1.7 },
  { temperature: 1 },
  { temperature: 0.7, topK: 5 },
  { temperature: 1.3, topP: 0.8 },
  { temperature: 1, minP: 0.1 },
  { temperature: 0.9, topK: 40, topP: 0.9, minP: 0.02, repetitionPenalty: 1.2 },
];
const vocab = 1000;

describe.skipIf(emulator === undefined)("drawTokens", () => {
  beforeAll(async () => {
    await tf.setBackend("cuda");
  });

  it("draws what the sampler of each row draws on the host", async () => {
    const random = seeded(3);
    for (let round = 0; round < 6; round++) {
      const values = random.normals(choices.length * vocab).map((x) => 3 * x);
      values[5] = Number.NEGATIVE_INFINITY;
      const seen = Array.from({ length: 30 }, () => Math.floor(random.next() * vocab));
      const samplers = choices.map((options, row) => new Sampler({ ...options, seed: 100 * round + row }));
      const wanted = choices.map((options, row) =>
        new Sampler({ ...options, seed: 100 * round + row }).next(
          values.subarray(row * vocab, (row + 1) * vocab),
          seen,
        ),
      );
      const logits = tf.tensor2d(values, [choices.length, vocab]);
      const found = await drawTokens(
        logits,
        samplers.map((sampler) => sampler.plan(vocab, seen)),
      );
      expect([...found]).toEqual(wanted);
      samplers.forEach((sampler, row) => {
        sampler.drawn(found[row] as number);
      });
      // the draws that follow are the same too
      const states = samplers.map((sampler) => sampler.random.state);
      expect(states).toEqual(choices.map(({ temperature = 0 }, row) => stateBehind(100 * round + row, temperature)));
      logits.dispose();
    }
    expect(emulator?.report().problems).toEqual([]);
  });

  it("gives generated text the tokens that logits on the host give it", async () => {
    const model = await loadLocalModel(join(repositoryRoot(), "packages/demo-model/plain"));
    const prompts = ["One day", "The"];
    const options = { maxTokens: 3, temperature: 1, repetitionPenalty: 1.2, seed: 5 };
    const tokensOf = async (more: object) => {
      const { rows } = await model.generate(prompts, { ...options, ...more }).result();
      return rows.map(({ tokens }) => tokens);
    };
    const before = emulator?.report().launches;
    expect(await tokensOf({})).toEqual(await tokensOf({ logProbabilities: 0 }));
    expect(emulator?.report().launches).toBeGreaterThan(before ?? 0);
    model.dispose();
  });

  it("says where logits are no numbers", async () => {
    const values = new Float32Array(2 * vocab);
    values[vocab + 7] = Number.NaN;
    const logits = tf.tensor2d(values, [2, vocab]);
    const samplers = [new Sampler(), new Sampler()];
    const found = await drawTokens(
      logits,
      samplers.map((sampler) => sampler.plan(vocab, [])),
    );
    expect([...found]).toEqual([0, -1]);
    expect(() => samplers[1]?.drawn(-1)).toThrow("logits are not finite");
    logits.dispose();
  });
});

function stateBehind(seed: number, temperature: number): number {
  const sampler = new Sampler({ seed });
  if (temperature > 0) sampler.random.next();
  return sampler.random.state;
}
