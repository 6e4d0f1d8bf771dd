/** How one option of a policy is written in a SPEC. The policy itself checks the range. */
export interface PolicyOption<T> {
  /** What may stand behind `=`, as a user reads it: `number`, `before|after`. */
  readonly kind: string;
  readonly meaning: string;
  /** What holds when the option is left out, as it is written in a SPEC or in words. */
  readonly default: string;
  /** The value of a text, or undefined when the text is not of this kind. */
  parse(text: string): T | undefined;
}

const numeral = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A whole number of tokens or entries. */
export function count(meaning: string, byDefault: string): PolicyOption<number> {
  return {
    kind: "count",
    meaning,
    default: byDefault,
    parse: (text) => (/^-?\d+$/.test(text) ? Number(text) : undefined),
  };
}

/** A number. */
export function number(meaning: string, byDefault: string): PolicyOption<number> {
  return {
    kind: "number",
    meaning,
    default: byDefault,
    parse: (text) => (numeral.test(text) ? Number(text) : undefined),
  };
}

/** One of some words. */
export function choice<const C extends string>(
  choices: readonly C[],
  meaning: string,
  byDefault: string,
): PolicyOption<C> {
  return {
    kind: choices.join("|"),
    meaning,
    default: byDefault,
    parse: (text) => choices.find((word) => word === text),
  };
}

/** What another kind reads, or the word `none` for null. */
export function orNone<T>(option: PolicyOption<T>): PolicyOption<T | null> {
  return {
    ...option,
    kind: `${option.kind}|none`,
    parse: (text) => (text === "none" ? null : option.parse(text)),
  };
}
