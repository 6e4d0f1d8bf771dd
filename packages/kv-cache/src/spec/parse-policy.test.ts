import { KvfoldError } from "@kvfold/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { h2o } from "../policies/h2o.js";
import { perLayer } from "../policies/per-layer.js";
import { tova } from "../policies/tova.js";
import { type WindowOptions, window } from "../policies/window.js";
import type { CachePolicy } from "../policy.js";
import { parsePolicy } from "./parse-policy.js";

const shape = (layer: number) => ({ layer, layers: 6, queryHeads: 4, kvHeads: 2, headDim: 8 });

/** Everything that can be told of a policy without running it. */
function behaviour(policy: CachePolicy) {
  return [0, 3, 5].map((layer) => ({
    traits: policy.forLayer(shape(layer)).traits,
    estimates: [1, 100, 5000].map((tokens) => policy.estimate(tokens, shape(layer))),
  }));
}

const countArbitrary = (min: number) => fc.integer({ min, max: 2 ** 20 });
const windowArbitrary = fc
  .record(
    {
      sinks: countArbitrary(0),
      recent: countArbitrary(1),
      positions: fc.constantFrom("original", "reindexed"),
      evict: fc.constantFrom("before", "after"),
      prefill: fc.constantFrom("exact", "full"),
    },
    { requiredKeys: [] },
  )
  .filter(({ positions, prefill }) => !(positions === "reindexed" && prefill === "exact"))
  .map((options) => window(options as WindowOptions));
const h2oArbitrary = fc.oneof(
  countArbitrary(1).map((budget) => h2o({ budget })),
  fc.record({ heavy: countArbitrary(0), recent: countArbitrary(1) }).map(h2o),
);
const simple = fc.oneof(
  fc.constant(parsePolicy("full")),
  windowArbitrary,
  h2oArbitrary,
  countArbitrary(1).map((budget) => tova({ budget })),
);
const layered = fc
  .array(
    fc.record({ first: fc.nat(5), more: fc.option(fc.nat(3), { nil: Number.POSITIVE_INFINITY }), policy: simple }),
    { maxLength: 3 },
  )
  .map((ranges) =>
    perLayer([
      ...ranges.map(({ first, more, policy }) => ({ first, last: first + more, policy })),
      { first: 0, last: Number.POSITIVE_INFINITY, policy: tova() },
    ]),
  );

describe("a policy's name", () => {
  it("is a SPEC that makes an equal policy again", () => {
    const nested = layered.map((policy) => perLayer([{ first: 0, last: Number.POSITIVE_INFINITY, policy }]));
    fc.assert(
      fc.property(fc.oneof(simple, layered, nested), (policy) => {
        const again = parsePolicy(policy.name);
        expect(again.name).toBe(policy.name);
        expect(behaviour(again)).toEqual(behaviour(policy));
      }),
      { numRuns: 300 },
    );
  });
});

describe("parsePolicy", () => {
  it.each([
    ["full", "full"],
    ["window", "window:sinks=4,recent=252"],
    ["window:recent=60,sinks=4", "window:sinks=4,recent=60"],
    [" window: recent = 60 ", "window:sinks=4,recent=60"],
    ["window:positions=reindexed", "window:sinks=4,recent=252,positions=reindexed"],
    ["h2o", "h2o:budget=256"],
    ["h2o:heavy=8,recent=8", "h2o:budget=16"],
    ["tova:budget=64", "tova:budget=64"],
    ["perLayer(0-3=full;*=window:recent=64)", "perLayer(0-3=full;*=window:sinks=4,recent=64)"],
    ["perLayer(2=tova; 3- = h2o:budget=8 ;*=full)", "perLayer(2=tova:budget=256;3-=h2o:budget=8;*=full)"],
  ])("reads %s", (spec, name) => expect(parsePolicy(spec).name).toBe(name));

  it.each([
    ["", "policy-unknown", "there are: full, window, h2o, tova, perLayer"],
    ["windw", "policy-unknown", "Did you mean 'window'?"],
    ["Full", "policy-unknown", "Did you mean 'full'?"],
    ["toString", "policy-unknown", "There is no policy 'toString'"],
    ["full:budget=3", "policy-option", "has no option 'budget' (it has no options)"],
    ["full:", "policy-syntax", "expects 'option=value'"],
    [
      "window:recnt=3",
      "policy-option",
      "its options: sinks, recent, positions, evict, prefill). Did you mean 'recent'?",
    ],
    ["window:__proto__=3", "policy-option", "has no option '__proto__'"],
    ["window:recent", "policy-syntax", "expects 'option=value'"],
    ["window:recent=", "policy-value", "option 'recent' must be a count"],
    ["window:recent=6.5", "policy-value", "got '6.5'"],
    ["window:recent=NaN", "policy-value", "got 'NaN'"],
    ["window:recent=3,recent=4", "policy-option", "gets option 'recent' twice"],
    ["window:recent=-3", "policy-options", "recent must be a whole number from 1 to 2^30; got -3"],
    ["window:sinks=0,recent=0", "policy-options", "got 0"],
    ["window:recent=99999999999999999999", "policy-options", "from 1 to 2^30"],
    ["window:positions=new", "policy-value", "must be one of original, reindexed"],
    ["window:positions=reindexed,prefill=exact", "policy-options", "has only prefill=full"],
    ["window(recent=3)", "policy-syntax", "is written 'window:option=value,...'"],
    ["h2o:budget=0", "policy-options", "budget must be a whole number from 1"],
    ["h2o:budget=4,recent=9", "policy-options", "must make up the budget (4 entries); got budget=4, recent=9"],
    ["h2o:budget=9,heavy=1,recent=1", "policy-options", "State two of the three"],
    ["h2o:heavy=0,recent=0", "policy-options", "heavy + recent"],
    ["perLayer", "policy-syntax", "perLayer is written"],
    ["perLayer()", "policy-syntax", "got ''"],
    ["perLayer(full)", "policy-syntax", "got 'full'"],
    ["perLayer(0-3=full", "policy-syntax", "after the name"],
    ["perLayer(0-3=full))", "policy-syntax", "closes too early"],
    ["perLayer(0=perLayer(1=full)", "policy-syntax", "stays open"],
    ["perLayer(5-3=full)", "policy-options", "got 5 to 3"],
    ["perLayer(-3=full)", "policy-syntax", "got '-3=full'"],
    ["perLayer(0=nope)", "policy-unknown", "There is no policy 'nope'"],
    [`${"perLayer(*=".repeat(10)}full${")".repeat(10)}`, "policy-syntax", "at most 8 deep"],
    ["x".repeat(20_000), "policy-syntax", "at most 10000 characters"],
  ])("refuses %s", (spec, code, message) => {
    const error = failure(() => parsePolicy(spec));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.message.length).toBeLessThan(400);
  });

  it("never fails in another way, whatever the text", () => {
    const parts = fc.constantFrom(
      "window",
      "h2o",
      "perLayer",
      "(",
      ")",
      ":",
      "=",
      ",",
      ";",
      "recent",
      "budget",
      "-1",
      "1e9",
      "*",
      "0-3",
      " ",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(parts).map((all) => all.join("")),
        ),
        (spec) => {
          try {
            parsePolicy(spec);
          } catch (error) {
            expect(KvfoldError.isInstance(error)).toBe(true);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("policies made in code are checked too", () => {
  it.each([
    ["window", () => window({ recent: Number.NaN })],
    ["window", () => window({ sinks: -1 })],
    ["window", () => window({ evict: "never" as "after" })],
    ["h2o", () => h2o({ budget: Number.POSITIVE_INFINITY })],
    ["h2o", () => h2o({ budget: "256" as unknown as number })],
    ["tova", () => tova({ budget: -5 })],
    ["perLayer", () => perLayer([])],
    ["perLayer", () => perLayer([{ first: 0.5, last: 2, policy: tova() }])],
  ])("%s", (name, make) => {
    const error = failure(make);
    expect(error.code).toBe("policy-options");
    expect(error.message).toContain(`Policy '${name}'`);
  });
});

function failure(act: () => unknown): KvfoldError {
  try {
    act();
  } catch (error) {
    if (KvfoldError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
