import { KvfoldError } from "@kvfold/core";
import { checkLearnedOptions, specOf, withDefaults } from "../learned-options.js";

/** How a model was retrofitted with DMS, and how to run it. */
export interface DmsOptions {
  /**
   * What decides: a `neuron` of the queries that the model gave away, or an `adapter`, weights of each layer's own that are
   * given to `dms` beside these options. Default `neuron`.
   */
  readonly decisions?: "neuron" | "adapter";
  /** Neuron of the query that carries the decision. Weights are not interchangeable between the two. Default `last`. */
  readonly neuron?: "first" | "last";
  /** Factor on the neuron or the adapter's output, before `offset` is subtracted. Default 100, as in the released code. */
  readonly logitScale?: number;
  /** Subtracted from the scaled neuron; a token whose rest is above 0 is evicted. Default 5. */
  readonly offset?: number;
  /** Tokens that one which is to be evicted stays visible for: a query sees it while it is at most this far back. Default 256. */
  readonly delay?: number;
  /** Layers that evict; the others keep every token and lose no channel. Default: all. */
  readonly layers?: readonly number[];
  /**
   * Who decides: every KV `head` for itself, or the first one for its whole `layer`. Must be what the model was trained
   * with. Default `head`.
   */
  readonly granularity?: "head" | "layer";
  /**
   * Compression ratio that the retrofit aimed at, tokens decided on for each one kept, at least 1. Only `estimate` uses it.
   * Default 1, the safe side: plans for a cache that evicts nothing.
   */
  readonly targetRatio?: number;
  /**
   * For speed runs: decisions are not the model's but forced, so that of the tokens older than the delay the layers that
   * evict keep 1 / force on average, and their lanes 1 to 1 / 16. The text is meaningless then. Between 1 and 16.
   */
  readonly force?: number;
}

/** Options with every default filled in; `layers` undefined is all, `force` undefined lets the model decide. */
export type ResolvedDmsOptions = Required<Omit<DmsOptions, "layers" | "force">> & {
  readonly layers: readonly number[] | undefined;
  readonly force: number | undefined;
};

const defaults: ResolvedDmsOptions = {
  decisions: "neuron",
  neuron: "last",
  logitScale: 100,
  offset: 5,
  delay: 256,
  layers: undefined,
  granularity: "head",
  targetRatio: 1,
  force: undefined,
};

/** Longest delay; positions and ends of visibility are int32. */
const maxDelay = 1 << 24;

/**
 * Fills in the defaults of {@link DmsOptions} and checks every value.
 *
 * @throws KvfoldError `dms-options` for options out of range
 */
export function resolveDmsOptions(options: DmsOptions): ResolvedDmsOptions {
  const resolved = withDefaults(options, defaults);
  check(resolved);
  return resolved;
}

/** The SPEC of these options: `dms`, or `dms:` and every option that differs from its default. */
export function dmsName(options: ResolvedDmsOptions): string {
  return specOf("dms", options, defaults);
}

function check(options: ResolvedDmsOptions): void {
  checkLearnedOptions("dms", options, refuse);
  const { decisions, logitScale, delay } = options;
  if (decisions !== "neuron" && decisions !== "adapter") {
    refuse(`dms decisions must be 'neuron' or 'adapter'; got '${decisions}'.`);
  }
  if (!(logitScale > 0 && Number.isFinite(logitScale))) refuse(`dms logitScale must be positive; got ${logitScale}.`);
  if (!(Number.isInteger(delay) && delay >= 0 && delay <= maxDelay)) {
    refuse(`dms delay must be a whole number of tokens from 0 to ${maxDelay}; got ${delay}.`);
  }
}

/** @throws KvfoldError `dms-options` */
export function refuse(message: string): never {
  throw new KvfoldError("dms-options", message);
}
