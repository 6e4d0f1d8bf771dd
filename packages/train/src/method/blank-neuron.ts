import * as tf from "@tensorflow/tfjs-core";
import type { Parameters } from "../model/parameters.js";

/** What loses the neuron. */
export interface BlankedRows {
  /** Query heads: `all` (DMC), or the first of each group (DMS). Default `all`. */
  readonly queries?: "all" | "first-of-group";
  /** Whether keys lose it too. Default true. */
  readonly keys?: boolean;
}

/** Rows of the projections (weights and biases, by name) that make one channel of queries and keys, in every layer. */
export function neuronRows(
  { names, config }: Pick<Parameters, "names" | "config">,
  channel: number,
  blanked: BlankedRows = {},
): Map<string, number[]> {
  const { queries = "all", keys = true } = blanked;
  const { queryHeads, kvHeads, headDim, fusedProjections } = config;
  const group = queryHeads / kvHeads;
  const ofHeads = (count: number, first: number, every: number) =>
    Array.from({ length: Math.ceil(count / every) }, (_, i) => first + i * every * headDim + channel);
  const queryRows = ofHeads(queryHeads, 0, queries === "all" ? 1 : group);
  const keyRows = keys ? ofHeads(kvHeads, 0, 1) : [];
  const behindQueries = keyRows.map((row) => queryHeads * headDim + row);
  const rows = new Map<string, number[]>();
  for (const name of names) {
    const [, projection] = /\.self_attn\.(q_proj|k_proj|qkv_proj)\.(?:weight|bias)$/.exec(name) ?? [];
    if (projection === "q_proj") rows.set(name, queryRows);
    else if (projection === "k_proj" && keys) rows.set(name, keyRows);
    else if (projection === "qkv_proj" && fusedProjections) rows.set(name, [...queryRows, ...behindQueries]);
  }
  return rows;
}

/** Sets the weights (and biases) that make one channel of queries and keys to exactly 0, in every layer. */
export function blankNeuron(parameters: Parameters, channel: number, blanked: BlankedRows = {}): void {
  for (const [name, rows] of neuronRows(parameters, channel, blanked)) zeroRows(parameters, name, rows);
}

function zeroRows(parameters: Parameters, name: string, rows: readonly number[]): void {
  const tensor = parameters.get(name);
  const values = tensor.dataSync<"float32">().slice();
  const width = tensor.size / (tensor.shape[0] as number);
  for (const row of rows) values.fill(0, row * width, (row + 1) * width);
  parameters.replace(name, tf.tensor(values, tensor.shape));
}
