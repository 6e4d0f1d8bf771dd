import { choice, count, definePolicy, number, type PolicyDefinition } from "@kvfold/kv-cache";
import { layerList } from "../layer-list.js";
import { dms } from "./dms.js";
import { type DmsOptions, resolveDmsOptions } from "./dms-options.js";
import type { EvictionAdapter } from "./eviction-adapter.js";

/**
 * The row of a policy table that makes `dms` and `dms:delay=64` from a SPEC.
 *
 * @param retrofit how the model was retrofitted: what a SPEC leaves out. Default: the values of the released DMS code,
 * with the paper's delay
 * @param adapters of the model, for `decisions=adapter`
 */
export function dmsDefinition(retrofit: DmsOptions = {}, adapters?: readonly EvictionAdapter[]): PolicyDefinition {
  const defaults = resolveDmsOptions(retrofit);
  return definePolicy({
    name: "dms",
    summary: "Each KV head evicts a token, some time later, or keeps it, as the retrofitted model decides.",
    options: {
      decisions: choice(
        ["neuron", "adapter"],
        "what decides: a neuron of the query, or weights of the layer's own",
        defaults.decisions,
      ),
      neuron: choice(["first", "last"], "neuron of the query that carries the decision", defaults.neuron),
      logitScale: number("factor on the decision neuron", `${defaults.logitScale}`),
      offset: number("subtracted from the scaled decision neuron; higher evicts less", `${defaults.offset}`),
      delay: count("tokens that an evicted token stays visible for", `${defaults.delay}`),
      layers: layerList("evict", defaults.layers),
      granularity: choice(
        ["head", "layer"],
        "who decides: every KV head, or the first for its layer",
        defaults.granularity,
      ),
      targetRatio: number("compression ratio to plan with; does not change a run", `${defaults.targetRatio}`),
      force: number(
        "forces decisions for speed runs: keeps 1 token of so many, 1 to 16 in each lane; text is meaningless then",
        "the model decides",
      ),
    },
    make: (options) => dms({ ...retrofit, ...options }, adapters),
  });
}
