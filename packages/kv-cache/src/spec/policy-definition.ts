import { KvfoldError } from "@kvfold/core";
import type { CachePolicy } from "../policy.js";
import { didYouMean } from "./nearest.js";
import type { PolicyOption } from "./option-kinds.js";

/** One row of a policy table: how a policy is written, listed and made. {@link definePolicy} makes the usual kind. */
export interface PolicyDefinition {
  /** First word of a SPEC. */
  readonly name: string;
  /** What the policy does, in one sentence. */
  readonly summary: string;
  /** How a SPEC is written: `window:sinks=COUNT,...`. */
  readonly usage: string;
  /** Every option, in the order of the help. */
  readonly options: Readonly<Record<string, PolicyOption<unknown>>>;
  /**
   * The policy of a SPEC.
   * @param rest what follows the name: empty, `:option=value,...`, or what `usage` says
   * @param parse reads a SPEC inside this one, for policies that combine others
   * @throws KvfoldError that names what is wrong and what exists
   */
  make(rest: string, parse: (spec: string) => CachePolicy): CachePolicy;
}

type Values<O extends Readonly<Record<string, PolicyOption<unknown>>>> = {
  readonly [K in keyof O]?: O[K] extends PolicyOption<infer T> ? T : never;
};

/**
 * Defines a policy with named options, `name:option=value,option=value`.
 *
 * @param definition `make` gets the options that the SPEC states, by name; it applies defaults and checks ranges
 * @example
 * definePolicy({
 *   name: "tova",
 *   summary: "Keeps what the newest query attends to.",
 *   options: { budget: count("entries of each KV head", "256") },
 *   make: tova,
 * });
 */
export function definePolicy<O extends Readonly<Record<string, PolicyOption<unknown>>>>(definition: {
  readonly name: string;
  readonly summary: string;
  readonly options: O;
  readonly make: (options: Values<O>) => CachePolicy;
}): PolicyDefinition {
  const { name, summary, options, make } = definition;
  const written = Object.entries(options).map(([option, { kind }]) => `${option}=${kind.toUpperCase()}`);
  return {
    name,
    summary,
    usage: written.length === 0 ? name : `${name}[:${written.join(",")}]`,
    options,
    make: (rest) => make(readOptions(name, options, rest) as Values<O>),
  };
}

function readOptions(
  policy: string,
  options: Readonly<Record<string, PolicyOption<unknown>>>,
  rest: string,
): Record<string, unknown> {
  if (rest === "") return {};
  const names = Object.keys(options);
  const exist = names.length === 0 ? "it has no options" : `its options: ${names.join(", ")}`;
  const refuse = (code: string, problem: string): never => {
    throw new KvfoldError(code, `Policy '${policy}' ${problem}`);
  };
  if (!rest.startsWith(":"))
    refuse("policy-syntax", `is written '${policy}:option=value,...' (${exist}); got '${policy}${clip(rest)}'.`);
  const values: Record<string, unknown> = {};
  for (const part of rest.slice(1).split(",")) {
    const [, name = "", text = ""] = /^\s*([^=\s]*)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    if (name === "") refuse("policy-syntax", `expects 'option=value' between commas (${exist}); got '${clip(part)}'.`);
    if (!Object.hasOwn(options, name)) {
      refuse("policy-option", `has no option '${clip(name)}' (${exist}).${didYouMean(name, names)}`);
    }
    if (Object.hasOwn(values, name)) refuse("policy-option", `gets option '${name}' twice; give it once.`);
    const option = options[name] as PolicyOption<unknown>;
    const value = option.parse(text);
    if (value === undefined) {
      const wanted = option.kind.includes("|") ? `one of ${option.kind.split("|").join(", ")}` : `a ${option.kind}`;
      refuse(
        "policy-value",
        `option '${name}' must be ${wanted} (${option.meaning}; default ${option.default}); got '${clip(text)}'.`,
      );
    }
    values[name] = value;
  }
  return values;
}

/** User input for a message: at most 60 characters. */
export function clip(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
