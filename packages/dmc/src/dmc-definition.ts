import { choice, count, definePolicy, number, orNone, type PolicyDefinition } from "@kvfold/kv-cache";
import { dmc } from "./dmc.js";
import { type DmcOptions, resolveDmcOptions } from "./dmc-options.js";
import { layerList } from "./layer-list.js";

/**
 * The row of a policy table that makes `dmc` and `dmc:threshold=0.3` from a SPEC.
 *
 * @param retrofit how the model was retrofitted: what a SPEC leaves out. Default: the values of the released DMC code
 */
export function dmcDefinition(retrofit: DmcOptions = {}): PolicyDefinition {
  const defaults = resolveDmcOptions(retrofit);
  return definePolicy({
    name: "dmc",
    summary: "Each KV head appends a token or merges it into its last entry, as the retrofitted model decides.",
    options: {
      threshold: number("merge probability from which a token merges; lower merges more", `${defaults.threshold}`),
      window: orNone(count("tokens that an average reaches back to; none: the whole segment", shown(defaults.window))),
      neuron: choice(["first", "last"], "neuron of key and query that carries the decision", defaults.neuron),
      offset: number("subtracted from the decision neuron, added to the importance neuron", `${defaults.offset}`),
      epsilon: number("added to the importance of a token", `${defaults.epsilon}`),
      layers: layerList("fold", defaults.layers),
      granularity: choice(
        ["head", "layer"],
        "who decides: every KV head, or the first for its layer",
        defaults.granularity,
      ),
      targetRatio: number("compression ratio to plan with; does not change a run", `${defaults.targetRatio}`),
      force: number(
        "forces decisions for speed runs: this ratio over all lanes, 1 to 16 in each; text is meaningless then",
        "the model decides",
      ),
    },
    make: (options) => dmc({ ...retrofit, ...options }),
  });
}

function shown(window: number | null): string {
  return window === null ? "none" : `${window}`;
}
