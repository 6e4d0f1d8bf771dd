import type { BorrowedChannel } from "../policy.js";
import type { TextTokens } from "./draw-texts.js";
import type { LawCase } from "./law-case.js";

/** An entry as plain numbers. */
export interface HostEntry {
  readonly key: ArrayLike<number>;
  readonly value: ArrayLike<number>;
}

/** Attention of one query over some entries in double precision: softmax(q k / sqrt(headDim)) v. */
export function attendOnHost(query: ArrayLike<number>, entries: readonly HostEntry[]): Float64Array {
  const scale = 1 / Math.sqrt(query.length);
  const scores = entries.map(({ key }) => {
    let dot = 0;
    for (let i = 0; i < query.length; i++) dot += (query[i] as number) * (key[i] as number);
    return dot * scale;
  });
  const peak = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - peak));
  const total = weights.reduce((a, b) => a + b, 0);
  const out = new Float64Array(query.length);
  entries.forEach(({ value }, e) => {
    for (let i = 0; i < out.length; i++)
      out[i] = (out[i] as number) + ((weights[e] as number) / total) * (value[i] as number);
  });
  return out;
}

/** Blank, rotate (half-split, base 10000), blank again: what attention does to one head's vector. */
export function turnOnHost(
  vector: ArrayLike<number>,
  position: number | undefined,
  blanked: number | undefined,
): Float64Array {
  const x = Float64Array.from(vector);
  if (blanked !== undefined) x[blanked] = 0;
  const half = x.length / 2;
  for (let i = 0; position !== undefined && i < half; i++) {
    const angle = position * 10000 ** (-i / half);
    const [a, b] = [x[i] as number, x[i + half] as number];
    x[i] = a * Math.cos(angle) - b * Math.sin(angle);
    x[i + half] = b * Math.cos(angle) + a * Math.sin(angle);
  }
  if (blanked !== undefined) x[blanked] = 0;
  return x;
}

/** The channel that a head loses, if any. */
export function blankedChannel(
  borrowed: BorrowedChannel | undefined,
  part: "queries" | "keys",
  head: number,
  group: number,
): number | undefined {
  if (borrowed === undefined) return undefined;
  if (part === "keys") return borrowed.keys ? borrowed.channel : undefined;
  return borrowed.queries === "all" || head % group === 0 ? borrowed.channel : undefined;
}

/** The vector of one head and token in `[heads, tokens, headDim]` numbers. */
export function vectorAt(text: TextTokens, part: "q" | "k" | "v", head: number, token: number): Float32Array {
  const start = (head * text.tokens + token) * text.headDim;
  return text[part].subarray(start, start + text.headDim);
}

/** Plain causal attention over a whole text, token by token: `[queryHeads, headDim]` numbers each. */
export function causalAttention(text: TextTokens, c: LawCase, borrowed: BorrowedChannel | undefined): Float64Array[] {
  const group = text.queryHeads / text.kvHeads;
  return Array.from({ length: text.tokens }, (_, t) => {
    const out = new Float64Array(text.queryHeads * text.headDim);
    for (let head = 0; head < text.queryHeads; head++) {
      const kvHead = Math.floor(head / group);
      const first = c.window === undefined ? 0 : Math.max(0, t - c.window + 1);
      const entries = Array.from({ length: t + 1 - first }, (_, i) => ({
        key: turnOnHost(
          vectorAt(text, "k", kvHead, first + i),
          c.rotates ? first + i : undefined,
          blankedChannel(borrowed, "keys", kvHead, group),
        ),
        value: vectorAt(text, "v", kvHead, first + i),
      }));
      const query = turnOnHost(
        vectorAt(text, "q", head, t),
        c.rotates ? t : undefined,
        blankedChannel(borrowed, "queries", head, group),
      );
      out.set(attendOnHost(query, entries), head * text.headDim);
    }
    return out;
  });
}
