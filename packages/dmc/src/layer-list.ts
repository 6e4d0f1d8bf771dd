import type { PolicyOption } from "@kvfold/kv-cache";

/**
 * Layer numbers joined by `+`, as an option of a SPEC.
 *
 * @param verb what such layers do
 */
export function layerList(verb: string, byDefault: readonly number[] | undefined): PolicyOption<readonly number[]> {
  return {
    kind: "list of layers",
    meaning: `layers that ${verb}, joined by '+'; the others keep every token`,
    default: byDefault?.join("+") ?? "all",
    parse: (text) => {
      if (text === "none") return [];
      return /^\d{1,6}(\+\d{1,6})*$/.test(text) ? text.split("+").map(Number) : undefined;
    },
  };
}
