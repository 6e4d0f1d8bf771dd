import type { BorrowedChannel } from "@kvfold/kv-cache";
import type { RetrofitConfig } from "./retrofit-config.js";

/**
 * The channel that a layer of a retrofitted model gave away; attention blanks it under every policy. DMC takes it from all
 * keys and queries, DMS from the first query head of each group only.
 *
 * @returns undefined when the layer keeps all of its channels
 */
export function borrowedChannel(
  retrofit: RetrofitConfig | undefined,
  layer: number,
  headDim: number,
): BorrowedChannel | undefined {
  if (retrofit === undefined || !(retrofit.layers ?? [layer]).includes(layer)) return undefined;
  const channel = retrofit.neuron === "first" ? 0 : headDim - 1;
  return retrofit.method === "dmc"
    ? { channel, queries: "all", keys: true }
    : { channel, queries: "first-of-group", keys: false };
}
