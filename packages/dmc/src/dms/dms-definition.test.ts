import { chooseBackend } from "@kvfold/core";
import { parsePolicy, policyTable } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { dms } from "./dms.js";
import { dmsDefinition } from "./dms-definition.js";
import type { DmsOptions } from "./dms-options.js";

const table = [...policyTable, dmsDefinition()];
const shape = { layer: 0, layers: 2, queryHeads: 4, kvHeads: 2, headDim: 8 };

const optionsArbitrary = fc.record(
  {
    neuron: fc.constantFrom("first", "last"),
    logitScale: fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
    offset: fc.double({ min: -100, max: 100, noNaN: true }).map((x) => x + 0), // no -0
    delay: fc.nat(100_000),
    granularity: fc.constantFrom("head", "layer"),
    layers: fc.array(fc.nat(40), { maxLength: 4 }),
    targetRatio: fc.double({ min: 1, max: 100, noNaN: true }),
    force: fc.double({ min: 1, max: 16, noNaN: true }),
  },
  { requiredKeys: [] },
);

beforeAll(async () => {
  await chooseBackend({ prefer: "cpu" });
});

describe("dmsDefinition", () => {
  it("reads back the name of every dms policy", () => {
    fc.assert(
      fc.property(optionsArbitrary, (options) => {
        const policy = dms(options as DmsOptions);
        const again = parsePolicy(policy.name, table);
        expect(again.name).toBe(policy.name);
        expect(again.note).toBe(policy.note);
        expect(again.forLayer(shape).traits).toEqual(policy.forLayer(shape).traits);
        expect(again.estimate(1000, shape)).toEqual(policy.estimate(1000, shape));
      }),
    );
  });

  it("fills in what the model's retrofit says, and lets a SPEC override it", () => {
    const ofModel = [...policyTable, dmsDefinition({ neuron: "first", delay: 16, offset: 3 })];
    expect(parsePolicy("dms", ofModel).name).toBe("dms:neuron=first,offset=3,delay=16");
    expect(parsePolicy("dms:delay=256", ofModel).name).toBe("dms:neuron=first,offset=3");
  });

  it("lets adapters decide where the model has them", () => {
    const adapter = { norm: tf.ones([6]) as tf.Tensor1D, epsilon: 1e-6, weight: tf.zeros([2, 6]) as tf.Tensor2D };
    const ofModel = [...policyTable, dmsDefinition({ decisions: "adapter" }, [adapter, adapter])];
    const policy = parsePolicy("dms", ofModel);
    expect(policy.name).toBe("dms:decisions=adapter");
    expect(policy.forLayer(shape).traits.borrowed).toBeUndefined();
    expect(() => policy.forLayer({ ...shape, layer: 2 })).toThrow("adapters for 2 layers; layer 2 has none");
    expect(() => policy.forLayer({ ...shape, kvHeads: 4 })).toThrow("decides for 2 KV heads; the layer has 4");
  });

  it.each([
    ["dms:decisions=adapter", "needs the weights of a model that was trained with adapters"],
    ["dms:decisions=vote", "decisions"],
    ["dms:delay=-1", "delay must be a whole number of tokens from 0"],
    ["dms:delay=some", "option 'delay' must be a count"],
    ["dms:logitScale=0", "logitScale must be positive; got 0"],
    ["dms:dely=5", "Did you mean 'delay'?"],
    ["dms:force=17", "force must lie in 1..16 tokens per entry; got 17"],
    ["dms:granularity=token", "granularity"],
    ["dms:targetRatio=0.5", "targetRatio must be at least 1"],
  ])("refuses %s", (spec, message) => expect(() => parsePolicy(spec, table)).toThrow(message));
});
