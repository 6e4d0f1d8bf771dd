import { parsePolicy, policyTable } from "@kvfold/kv-cache";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dmc } from "./dmc.js";
import { dmcDefinition } from "./dmc-definition.js";
import type { DmcOptions } from "./dmc-options.js";

const table = [...policyTable, dmcDefinition()];
const shape = { layer: 0, layers: 2, queryHeads: 4, kvHeads: 2, headDim: 8 };

const optionsArbitrary = fc.record(
  {
    neuron: fc.constantFrom("first", "last"),
    offset: fc.double({ min: -100, max: 100, noNaN: true }).map((x) => x + 0), // no -0
    epsilon: fc.double({ min: 0, max: 0.99, noNaN: true }),
    window: fc.option(fc.integer({ min: 1, max: 64 })),
    threshold: fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true }),
    granularity: fc.constantFrom("head", "layer"),
    layers: fc.array(fc.nat(40), { maxLength: 4 }),
    targetRatio: fc.double({ min: 1, max: 100, noNaN: true }),
  },
  { requiredKeys: [] },
);
const forcedArbitrary = fc
  .record({ options: optionsArbitrary, force: fc.double({ min: 1, max: 16, noNaN: true }) })
  .map(({ options: { threshold: _, ...rest }, force }) => ({ ...rest, force }));

describe("dmcDefinition", () => {
  it("reads back the name of every dmc policy", () => {
    fc.assert(
      fc.property(fc.oneof(optionsArbitrary, forcedArbitrary), (options) => {
        const policy = dmc(options as DmcOptions);
        const again = parsePolicy(policy.name, table);
        expect(again.name).toBe(policy.name);
        expect(again.note).toBe(policy.note);
        expect(again.forLayer(shape).traits).toEqual(policy.forLayer(shape).traits);
        expect(again.estimate(1000, shape)).toEqual(policy.estimate(1000, shape));
      }),
    );
  });

  it("fills in what the model's retrofit says, and lets a SPEC override it", () => {
    const ofModel = [...policyTable, dmcDefinition({ neuron: "first", window: null, offset: 3 })];
    expect(parsePolicy("dmc", ofModel).name).toBe("dmc:neuron=first,offset=3,window=none");
    expect(parsePolicy("dmc:window=12,threshold=0.3", ofModel).name).toBe("dmc:neuron=first,offset=3,threshold=0.3");
  });

  it.each([
    ["dmc:threshold=1.5", "threshold must lie between 0 and 1; got 1.5"],
    ["dmc:threshold=high", "option 'threshold' must be a number"],
    ["dmc:window=0", "window must be a positive integer"],
    ["dmc:tresh=0.5", "Did you mean 'threshold'?"],
    ["dmc:force=17", "force must lie in 1..16 tokens per entry; got 17"],
    ["dmc:force=4,threshold=0.3", "give one of the two"],
    ["dmc:layers=0+x", "option 'layers' must be a list of layers"],
    ["dmc:granularity=token", "granularity"],
    ["dmc:targetRatio=0.5", "targetRatio must be at least 1"],
    ["dmc:window=1000000", "up to 65536"],
  ])("refuses %s", (spec, message) => expect(() => parsePolicy(spec, table)).toThrow(message));
});
