import { everyLaw } from "@kvfold/core/testing";
import { describePolicies, type LawSubject, type PolicyRow } from "@kvfold/kv-cache/testing";
import { backends } from "../../test/backends.js";
import { emulatedCuda, slowCuda } from "../../test/emulated-cuda.js";
import { dms } from "./dms.js";
import { type DmsOptions, resolveDmsOptions } from "./dms-options.js";
import { evictionLogits } from "./eviction-logits.js";

/** Draws the decision neurons around the threshold, so that about half of the tokens are evicted. */
function shapeTokens(options: DmsOptions): NonNullable<LawSubject["shapeTokens"]> {
  const { offset, logitScale, neuron } = resolveDmsOptions(options);
  return ({ q, headDim }, random) => {
    for (let i = neuron === "first" ? 0 : headDim - 1; i < q.length; i += headDim) {
      q[i] = (offset + 4 * (random() - 0.5)) / logitScale;
    }
  };
}

const ownCodecs = backends.filter((name) => name === "native"); // the reference store does not round

function row(options: DmsOptions, on = backends): PolicyRow {
  const resolved = resolveDmsOptions(options);
  return {
    backends: on,
    policy: () => dms(options),
    // an offset that no query reaches
    allAppend: () => dms({ ...options, offset: 1e6 }),
    shapeTokens: shapeTokens(options),
    margin: ({ q, k }) =>
      evictionLogits(q, k.shape[1], resolved)
        .dataSync<"float32">()
        .reduce((nearest, logit) => Math.min(nearest, Math.abs(logit)), Number.POSITIVE_INFINITY),
  };
}

// the backend cpu is the slowest, and law 8 compares with it anyway
const quick = everyLaw(import.meta) ? backends : backends.filter((name) => name !== "cpu");
describePolicies([
  row({ delay: 3 }, [...backends, ...slowCuda]),
  row({ delay: 0, neuron: "first", logitScale: 1, offset: 0.5 }, quick),
  row({ delay: 2, granularity: "layer", layers: [1] }, quick),
  ...["bf16", "int8"].map((name) => ({
    ...row({ delay: 3 }, name === "int8" ? [...ownCodecs, ...emulatedCuda] : ownCodecs),
    name: `dms:delay=3 in ${name}`,
    codec: { name, tolerance: name === "bf16" ? 0.015 : 0.03 },
  })),
]);
