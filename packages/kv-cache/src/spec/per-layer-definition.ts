import { KvfoldError } from "@kvfold/core";
import { type LayerRange, perLayer } from "../policies/per-layer.js";
import { clip, type PolicyDefinition } from "./policy-definition.js";

/** `perLayer(0-3=full;*=window:recent=64)`. */
export const perLayerDefinition: PolicyDefinition = {
  name: "perLayer",
  summary:
    "Another policy for each range of layers: 'RANGE=SPEC' between semicolons; the first range that holds a layer counts.",
  usage: "perLayer(RANGE=SPEC;...) with RANGE 3, 0-3, 4- or *",
  options: {},
  make(rest, parse) {
    if (!/^\(.*\)$/s.test(rest)) refuse(`got '${clip(rest)}' after the name`);
    const ranges = splitOutside(rest.slice(1, -1)).map((part): LayerRange => {
      const [, range = "", spec = ""] = /^\s*([^=]*?)\s*=(.*)$/s.exec(part) ?? [];
      const [, from, dash, to] = /^(\d{1,6})(-?)(\d{0,6})$/.exec(range) ?? [];
      if (range === "*") return { first: 0, last: Number.POSITIVE_INFINITY, policy: parse(spec) };
      if (from === undefined || (dash === "" && to !== "")) return refuse(`got '${clip(part)}'`);
      const first = Number(from);
      const open = dash === "" ? first : Number.POSITIVE_INFINITY;
      return { first, last: to ? Number(to) : open, policy: parse(spec) };
    });
    return perLayer(ranges);
  },
};

/** Parts between the semicolons that stand outside of inner parentheses. */
function splitOutside(text: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const character of text) {
    if (character === "(") depth++;
    if (character === ")") depth--;
    if (depth < 0) refuse(`a parenthesis closes too early in '${clip(text)}'`);
    if (character === ";" && depth === 0) parts.push("");
    else parts[parts.length - 1] += character;
  }
  if (depth > 0) refuse(`a parenthesis stays open in '${clip(text)}'`);
  return parts;
}

function refuse(problem: string): never {
  throw new KvfoldError(
    "policy-syntax",
    `perLayer is written 'perLayer(0-3=full;*=window:recent=64)', with ranges like 3, 0-3, 4- or *; ${problem}.`,
  );
}
