import { KvfoldError } from "@kvfold/core";
import type { CachePolicy } from "../policy.js";
import { didYouMean } from "./nearest.js";
import { clip, type PolicyDefinition } from "./policy-definition.js";
import { policyTable } from "./policy-table.js";

/** No real SPEC is longer: one policy for each of some hundred layers. */
const MAX_LENGTH = 10_000;
const MAX_DEPTH = 8;

/**
 * The policy of a SPEC: `full`, `window:sinks=4,recent=252`, `perLayer(0-3=full;*=tova:budget=64)`. A policy's `name` is
 * a SPEC that makes an equal policy again.
 *
 * @param table the policies that exist; default those of this package
 * @throws KvfoldError `policy-unknown`, `policy-option`, `policy-value` or `policy-syntax`; the message says what exists
 */
export function parsePolicy(spec: string, table: readonly PolicyDefinition[] = policyTable): CachePolicy {
  if (spec.length > MAX_LENGTH) {
    throw new KvfoldError("policy-syntax", `A policy has at most ${MAX_LENGTH} characters; got ${spec.length}.`);
  }
  return parse(spec, table, 0);
}

function parse(spec: string, table: readonly PolicyDefinition[], depth: number): CachePolicy {
  if (depth > MAX_DEPTH) {
    throw new KvfoldError("policy-syntax", `Policies nest at most ${MAX_DEPTH} deep; got '${clip(spec)}' inside that.`);
  }
  const text = spec.trim();
  const [name] = /^[^\s:(=,]*/.exec(text) as RegExpExecArray;
  const definition = table.find((row) => row.name === name);
  if (definition) return definition.make(text.slice(name.length), (inner) => parse(inner, table, depth + 1));
  const names = table.map((row) => row.name);
  throw new KvfoldError(
    "policy-unknown",
    `There is no policy '${clip(name)}'; there are: ${names.join(", ")}.${didYouMean(name, names)}`,
  );
}
