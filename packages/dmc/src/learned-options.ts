/** Largest forced ratio of a lane. */
export const maxForcedRatio = 16;

/** What DMC's and DMS's options have in common, defaults filled in. */
export interface LearnedOptions {
  readonly neuron: "first" | "last";
  readonly offset: number;
  readonly layers: readonly number[] | undefined;
  readonly granularity: "head" | "layer";
  readonly targetRatio: number;
  readonly force: number | undefined;
}

/** Options with what they leave out, or give as undefined, taken from the defaults. */
export function withDefaults<Resolved extends object>(options: object, defaults: Resolved): Resolved {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...defaults, ...given };
}

/** The SPEC of options: the method's name, and every option that differs from its default. */
export function specOf<Resolved extends object>(method: string, options: Resolved, defaults: Resolved): string {
  const written = (value: unknown) =>
    Array.isArray(value) && value.length > 0 ? value.join("+") : typeof value === "object" ? "none" : `${value}`;
  const parts = (Object.keys(defaults) as (keyof Resolved & string)[])
    .filter((key) => options[key] !== defaults[key])
    .map((key) => `${key}=${written(options[key])}`);
  return parts.length === 0 ? method : `${method}:${parts.join(",")}`;
}

/** Checks the options that both methods have; `refuse` throws the method's error. */
export function checkLearnedOptions(method: string, options: LearnedOptions, refuse: (message: string) => never): void {
  const { neuron, offset, layers, granularity, targetRatio, force } = options;
  if (neuron !== "first" && neuron !== "last") refuse(`${method} neuron must be 'first' or 'last'; got '${neuron}'.`);
  if (!Number.isFinite(offset)) refuse(`${method} offset must be a number; got ${offset}.`);
  const badLayer = layers?.find((layer) => !Number.isInteger(layer) || layer < 0);
  if (badLayer !== undefined) refuse(`${method} layers must be layer numbers from 0; got ${badLayer}.`);
  if (granularity !== "head" && granularity !== "layer") {
    refuse(`${method} granularity must be 'head' or 'layer'; got '${granularity}'.`);
  }
  if (!(targetRatio >= 1 && Number.isFinite(targetRatio))) {
    refuse(`${method} targetRatio must be at least 1; got ${targetRatio}.`);
  }
  if (force !== undefined && !(force >= 1 && force <= maxForcedRatio)) {
    refuse(`${method} force must lie in 1..${maxForcedRatio} tokens per entry; got ${force}.`);
  }
}
