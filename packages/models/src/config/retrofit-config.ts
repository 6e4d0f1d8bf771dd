import { type ConfigFields, SIZE_LIMITS } from "./config-fields.js";

/** Largest window in tokens that a retrofit may state; the window's ring buffer is allocated per lane. */
const WINDOW = { min: 0, max: 1 << 16 };

/**
 * How a model was trained to compress its own cache (Dynamic Memory Compression, Nawrot et al. 2024). A retrofitted model
 * is a standard folder; this is the block that its `config.json` adds.
 */
export interface RetrofitConfig {
  readonly method: "dmc";
  /** Channel of key and query that carries the decision and the importance; attention blanks it under every policy. */
  readonly neuron: "first" | "last";
  /** Subtracted from the key's neuron, added to the query's, before the sigmoid. */
  readonly offset: number;
  /** Added to every importance, so that a merge never divides by 0. */
  readonly importanceEpsilon: number;
  /** A merged entry is the mean of its last `window` tokens; undefined: of all of them. */
  readonly window: number | undefined;
  /** Temperature of the decisions in training; not used at inference. */
  readonly temperature: number;
  /** Compression ratio that the training aimed at, tokens per entry; undefined when not stated. */
  readonly targetCompressionRatio: number | undefined;
  /** Layers that compress; undefined: all. */
  readonly layers: readonly number[] | undefined;
}

/**
 * Reads the retrofit block of a config: kvfold's own `kvfold` ({method, neuron, offset, importance_epsilon, window,
 * temperature, target_cr, layers}) or the shorter `dmc` ({init_val, window_size, temperature, neuron, eps, layers}).
 * Defaults are those of the released DMC code: last neuron, offset 5, epsilon 2^-7, window 12, temperature 0.1.
 * A window of 0 or null means none.
 *
 * @returns undefined for a plain model
 * @throws KvfoldError when both blocks are there, the method is unknown, or a value is out of range
 */
export function parseRetrofit(fields: ConfigFields, layers: number): RetrofitConfig | undefined {
  const own = fields.has("kvfold");
  const short = fields.has("dmc");
  if (own && short) fields.fail("kvfold", 'and "dmc" both describe a retrofit: keep one of the two blocks');
  if (!own && !short) return undefined;
  const block = fields.nested(own ? "kvfold" : "dmc");
  const names = own
    ? { offset: "offset", window: "window", epsilon: "importance_epsilon" }
    : { offset: "init_val", window: "window_size", epsilon: "eps" };
  const window = block.integerOrNull(names.window, 12, WINDOW);
  return {
    method: block.choice("method", own ? undefined : "dmc", ["dmc"]),
    neuron: block.choice("neuron", "last", ["first", "last"]),
    offset: block.number(names.offset, 5, { min: -1000, max: 1000 }),
    importanceEpsilon: block.number(names.epsilon, 2 ** -7, { min: 0, max: 1 }),
    window: window === null || window === 0 ? undefined : window,
    temperature: block.number("temperature", 0.1, { min: 1e-6, max: 1e3 }),
    targetCompressionRatio: block.optionalNumber("target_cr", { min: 1, max: 1e4 }),
    layers: parseLayerList(block, layers),
  };
}

function parseLayerList(block: ConfigFields, layers: number): readonly number[] | undefined {
  const list = block.list("layers");
  if (list === undefined) return undefined;
  if (list.length > SIZE_LIMITS.layers.max) block.fail("layers", `lists ${list.length} layers of ${layers}`);
  const seen = new Set<number>();
  for (const layer of list) {
    const valid = typeof layer === "number" && Number.isInteger(layer) && layer >= 0 && layer < layers;
    if (!valid)
      block.fail("layers", `must list layer numbers from 0 to ${layers - 1}, but has ${String(layer).slice(0, 40)}`);
    seen.add(layer);
  }
  return [...seen].sort((a, b) => a - b);
}
