import { KvfoldError, type Rope } from "@kvfold/core";
import type { Tensor, Tensor4D } from "@tensorflow/tfjs-core";
import type { LayerCache } from "./layer-cache.js";
import type { BorrowedChannel } from "./policy.js";

/** One call of {@link attention}. Nothing is rotated yet; q and k are after bias and q/k norm. */
export interface AttentionCall {
  /** `[rows, queryHeads, tokens, headDim]` */
  readonly q: Tensor4D;
  /** `[rows, kvHeads, tokens, headDim]` */
  readonly k: Tensor4D;
  /** `[rows, kvHeads, tokens, headDim]` */
  readonly v: Tensor4D;
  /** The layer's input before its norm, `[rows, tokens, hidden]`; only policies with own weights read it. */
  readonly input?: Tensor;
  /** Rotary embedding; leave out for layers without positions. */
  readonly rope?: Rope;
  /** Multiplies scores. Default 1 / sqrt(headDim). */
  readonly scale?: number;
  /** Sliding window of the model: keys at distance >= window are hidden. Default: none. */
  readonly window?: number;
  /** Channel that a retrofitted model gave away; blanked under every policy. Default: what the policy borrows, if any. */
  readonly borrowed?: BorrowedChannel;
  /** Cache rows that take part, ascending. Default: all. */
  readonly rows?: readonly number[];
  /** Real tokens of each row when rows are padded at the end. Default: all tokens are real. */
  readonly lengths?: readonly number[];
  /** True with the last chunk of a prompt: policies that select once at the end of prefill do it now. Default false. */
  readonly endOfPrefill?: boolean;
}

/**
 * Attention over a cache: writes the new tokens under the layer's policy and attends. The same call for prefill (many
 * tokens) and decoding (one), for any policy and any batch; swap the policy where the cache is made.
 *
 * @returns `[rows, queryHeads, tokens, headDim]`, the heads' outputs before the output projection; rows of padding hold
 * no meaning
 * @throws KvfoldError `attention-shape` when the tensors do not fit the cache; nothing is written then
 */
export function attention(cache: LayerCache, call: AttentionCall): Tensor4D {
  const { queryHeads, kvHeads, headDim } = cache.shape;
  const rows = call.rows ?? cache.tokens.map((_, row) => row);
  const tokens = call.q.shape[2];
  expectShape("q", call.q, [rows.length, queryHeads, tokens, headDim]);
  expectShape("k", call.k, [rows.length, kvHeads, tokens, headDim]);
  expectShape("v", call.v, [rows.length, kvHeads, tokens, headDim]);
  if (tokens < 1) refuse("attention needs at least one token; q has 0.");
  const ascending = rows.every(
    (row, i) => Number.isInteger(row) && row >= 0 && row < cache.tokens.length && (i === 0 || row > (rows[i - 1] ?? 0)),
  );
  if (!ascending)
    refuse(`rows must be ascending and below ${cache.tokens.length}, the cache's number of rows; got [${rows}].`);
  const lengths = call.lengths ?? rows.map(() => tokens);
  const fits = lengths.length === rows.length && lengths.every((n) => Number.isInteger(n) && n >= 1 && n <= tokens);
  if (!fits)
    refuse(`lengths must hold one number from 1 to ${tokens} for each of ${rows.length} rows; got [${lengths}].`);
  if (call.borrowed && !(call.borrowed.channel >= 0 && call.borrowed.channel < headDim)) {
    refuse(`the borrowed channel must lie in 0..${headDim - 1}; got ${call.borrowed.channel}.`);
  }
  if (call.window !== undefined && !(call.window >= 1)) refuse(`window must be at least 1; got ${call.window}.`);
  const step = { rows, tokens, lengths, starts: rows.map((row) => cache.tokens[row] ?? 0) };
  const site = {
    rope: call.rope,
    scale: call.scale ?? 1 / Math.sqrt(headDim),
    window: call.window,
    borrowed: call.borrowed ?? cache.policy.traits.borrowed,
  };
  return cache.run(step, { q: call.q, k: call.k, v: call.v, input: call.input }, site, call.endOfPrefill ?? false);
}

function expectShape(name: string, tensor: Tensor, wanted: readonly number[]): void {
  if (tensor.shape.length === wanted.length && tensor.shape.every((n, i) => n === wanted[i])) return;
  refuse(`${name} has shape [${tensor.shape}]; this cache expects [${wanted}] (rows, heads, tokens, headDim).`);
}

function refuse(message: string): never {
  throw new KvfoldError("attention-shape", message);
}
