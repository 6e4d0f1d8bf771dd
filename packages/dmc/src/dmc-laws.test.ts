import { everyLaw } from "@kvfold/core/testing";
import { describePolicies, type LawSubject, type PolicyRow } from "@kvfold/kv-cache/testing";
import { backends } from "../test/backends.js";
import { emulatedCuda, slowCuda } from "../test/emulated-cuda.js";
import { decisionLogits, mergeEdge } from "./decide.js";
import { dmc } from "./dmc.js";
import { type DmcOptions, resolveDmcOptions } from "./dmc-options.js";

/** Draws the decision neurons around the offset, so that about half of the tokens merge and weights differ. */
function shapeTokens(options: DmcOptions): NonNullable<LawSubject["shapeTokens"]> {
  const { offset, neuron, threshold } = resolveDmcOptions(options);
  const middle = offset + mergeEdge(threshold);
  return ({ q, k, headDim }, random) => {
    const channel = neuron === "first" ? 0 : headDim - 1;
    const around = (center: number) => center + 4 * (random() - 0.5);
    for (let i = channel; i < k.length; i += headDim) k[i] = around(middle);
    for (let i = channel; i < q.length; i += headDim) q[i] = around(-offset);
  };
}

/** Stores that round entries, and how far outputs may then be from those over float32 entries, for values near 1. */
const codecs = [
  { name: "bf16", tolerance: 0.015 },
  { name: "int8", tolerance: 0.03 },
];

const ownCodecs = backends.filter((name) => name === "native"); // the reference store does not round

function row(options: DmcOptions, on = backends): PolicyRow {
  const resolved = resolveDmcOptions(options);
  const edge = mergeEdge(resolved.threshold);
  return {
    backends: on,
    policy: () => dmc(options),
    // an offset that no key reaches
    allAppend: () => dmc({ ...options, offset: 1000 }),
    shapeTokens: shapeTokens(options),
    margin: ({ q, k }) =>
      decisionLogits(q, k, resolved)
        .merge.dataSync<"float32">()
        .reduce((nearest, logit) => Math.min(nearest, Math.abs(logit - edge)), Number.POSITIVE_INFINITY),
  };
}

// the backend cpu is the slowest, and law 8 compares with it anyway
const quick = everyLaw(import.meta) ? backends : backends.filter((name) => name !== "cpu");
// every kind of merging on the emulated device, each codec of it once
const everywhere = [...quick, ...slowCuda];
describePolicies([
  row({}, [...backends, ...emulatedCuda]),
  row({ window: 3 }, everywhere),
  row({ window: null }, everywhere),
  row({ neuron: "first", window: 4 }, quick),
  row({ threshold: 0.3 }, quick),
  row({ granularity: "layer", window: 3 }, quick),
  ...codecs.flatMap((codec) =>
    [{}, { window: 3 }, { window: null }].map((options) => {
      const emulated = codec.name === "int8" ? options.window === undefined : options.window === 3;
      const plain = row(options, [...ownCodecs, ...(emulated ? slowCuda : [])]);
      return { ...plain, name: `${plain.policy().name} in ${codec.name}`, codec };
    }),
  ),
]);
