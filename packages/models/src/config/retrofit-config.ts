import { type ConfigFields, SIZE_LIMITS } from "./config-fields.js";

/** Largest window or delay in tokens that a retrofit may state; the ring buffer of a window is allocated per lane. */
const WINDOW = { min: 0, max: 1 << 16 };

/**
 * How a model was trained to compress its own cache. A retrofitted model is a standard folder; this is the block that its
 * `config.json` adds. `method` says which fields there are.
 */
export type RetrofitConfig = DmcRetrofitConfig | DmsRetrofitConfig;

/** What every learned compression states. */
interface LearnedCompression {
  /** Channel that carries the decision; attention blanks it under every policy, see `borrowedChannel`. */
  readonly neuron: "first" | "last";
  /**
   * Subtracted from the neuron (DMS: after scaling); a token whose rest is above 0 merges (DMC) or is evicted (DMS). DMC
   * adds it to the query's neuron, too, before the sigmoid that gives the importance.
   */
  readonly offset: number;
  /** Temperature of the decisions in training; not used at inference. */
  readonly temperature: number;
  /** Compression ratio that the training aimed at, tokens per entry; undefined when not stated. */
  readonly targetCompressionRatio: number | undefined;
  /** Layers that compress; undefined: all. */
  readonly layers: readonly number[] | undefined;
  /** `layer`: the first KV head decides for all of its layer (DMC-C). */
  readonly granularity: "head" | "layer";
}

/** Dynamic Memory Compression (Nawrot et al. 2024): a token merges into the last entry, or is appended. */
export interface DmcRetrofitConfig extends LearnedCompression {
  readonly method: "dmc";
  /** Added to every importance, so that a merge never divides by 0. */
  readonly importanceEpsilon: number;
  /** A merged entry is the mean of its last `window` tokens; undefined: of all of them. */
  readonly window: number | undefined;
}

/** Dynamic Memory Sparsification (Łańcucki et al. 2025): a token is evicted `delay` tokens later, or kept. */
export interface DmsRetrofitConfig extends LearnedCompression {
  readonly method: "dms";
  /** Factor on the neuron, before `offset` is subtracted. */
  readonly logitScale: number;
  /** Tokens for which one that is to be evicted stays visible. */
  readonly delay: number;
}

/**
 * Reads the retrofit block of a config: kvfold's own `kvfold` ({@link retrofitBlock} lists its keys) or the shorter `dmc`
 * ({init_val, window_size, temperature, neuron, eps, layers}).
 *
 * Defaults are those of the released code. DMC: last neuron, offset 5, epsilon 2^-7, window 12, temperature 0.1; a window
 * of 0 or null means none. DMS: last neuron, offset 5, logit scale 100, temperature 0.1; the delay has none, since paper
 * and released model differ (256 and 512).
 *
 * @returns undefined for a plain model
 * @throws KvfoldError when both blocks are there, the method is unknown, or a value is out of range
 */
export function parseRetrofit(fields: ConfigFields, layers: number): RetrofitConfig | undefined {
  const own = fields.has("kvfold");
  const short = fields.has("dmc");
  if (own && short) fields.fail("kvfold", 'and "dmc" both describe a retrofit: keep one of the two blocks');
  if (short)
    return parseDmc(fields.nested("dmc"), layers, { offset: "init_val", window: "window_size", epsilon: "eps" });
  if (!own) return undefined;
  const block = fields.nested("kvfold");
  const method = block.choice("method", undefined, ["dmc", "dms"]);
  if (method === "dms") return parseDms(block, layers);
  return parseDmc(block, layers, { offset: "offset", window: "window", epsilon: "importance_epsilon" });
}

/** The block `kvfold` of a `config.json` that {@link parseRetrofit} reads back to the same values. */
export function retrofitBlock(retrofit: RetrofitConfig): Record<string, unknown> {
  const { method, neuron, offset, temperature, granularity, targetCompressionRatio, layers } = retrofit;
  const own =
    retrofit.method === "dmc"
      ? { importance_epsilon: retrofit.importanceEpsilon, window: retrofit.window ?? null }
      : { logit_scale: retrofit.logitScale, delay: retrofit.delay };
  return {
    method,
    neuron,
    offset,
    ...own,
    temperature,
    granularity,
    ...(targetCompressionRatio === undefined ? {} : { target_cr: targetCompressionRatio }),
    ...(layers === undefined ? {} : { layers }),
  };
}

function parseDmc(
  block: ConfigFields,
  layers: number,
  names: { offset: string; window: string; epsilon: string },
): DmcRetrofitConfig {
  const window = block.integerOrNull(names.window, 12, WINDOW);
  return {
    method: "dmc",
    ...parseShared(block, layers, names.offset),
    importanceEpsilon: block.number(names.epsilon, 2 ** -7, { min: 0, max: 1 }),
    window: window === null || window === 0 ? undefined : window,
  };
}

function parseDms(block: ConfigFields, layers: number): DmsRetrofitConfig {
  return {
    method: "dms",
    ...parseShared(block, layers, "offset"),
    logitScale: block.number("logit_scale", 100, { min: 1e-6, max: 1e6 }),
    delay: block.integer("delay", undefined, WINDOW),
  };
}

function parseShared(block: ConfigFields, layers: number, offset: string): LearnedCompression {
  return {
    neuron: block.choice("neuron", "last", ["first", "last"]),
    offset: block.number(offset, 5, { min: -1000, max: 1000 }),
    temperature: block.number("temperature", 0.1, { min: 1e-6, max: 1e3 }),
    targetCompressionRatio: block.optionalNumber("target_cr", { min: 1, max: 1e4 }),
    layers: parseLayerList(block, layers),
    granularity: block.choice("granularity", "head", ["head", "layer"]),
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
