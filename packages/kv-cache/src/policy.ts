import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from "@tensorflow/tfjs-core";
import type { Step } from "./step.js";
import type { TrainingForm } from "./training-form.js";

/** The attention layer that a policy serves. */
export interface LayerShape {
  /** Index of the layer, from 0. */
  readonly layer: number;
  /** Number of layers of the model. */
  readonly layers: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/**
 * A cache policy, as a user names it: `full`, `window:sinks=4,recent=252`, `dmc`. It decides; a store holds the entries.
 * Policies are immutable and hold no tensors of a sequence, so one object serves any number of caches.
 */
export interface CachePolicy {
  /** The SPEC that makes this policy again. */
  readonly name: string;
  /** What a user must know before reading a text made under this policy; interfaces print it. Absent: nothing. */
  readonly note?: string;
  /** The policy of one layer; may differ from layer to layer (budgets, `perLayer(...)`). */
  forLayer(shape: LayerShape): LayerPolicy;
  /** Entries and state that a sequence of `tokens` tokens needs in one layer, for planning before anything is loaded. */
  estimate(tokens: number, shape: LayerShape): CacheEstimate;
  /**
   * Shares one budget between heads and layers (Ada-KV, PyramidKV, byte budgets): called once all layers have attended
   * to a step, with one context a layer; returns one drop, or undefined, a layer.
   */
  coordinate?(contexts: readonly EvictContext[]): readonly (DropOp | undefined)[];
}

/** What {@link CachePolicy.estimate} returns, per sequence and layer, all KV heads together. */
export interface CacheEstimate {
  /** Stored (key, value) pairs. */
  readonly entries: number;
  /** Numbers (4 bytes each) kept beside each entry: the columns of {@link PolicyTraits}. */
  readonly columns: number;
  /** Bytes of policy state that do not grow with entries (DMC's ring and sums). */
  readonly stateBytes: number;
}

/** What a store and the attention must know about a policy before the first token. */
export interface PolicyTraits {
  /**
   * When keys are rotated: `at-write` by the token's logical position; `at-read` for stores of un-rotated keys
   * (pre-RoPE quantisation, re-indexed positions), which then keep a `position` column unless slots are the positions.
   */
  readonly rotation: "at-write" | "at-read";
  /** Which position an un-rotated entry is read at: its token's (`logical`), or its index inside the lane (`slot`). */
  readonly readPosition?: "logical" | "slot";
  /**
   * Numbers that travel with every entry. `position` (int32) is filled by the store with the logical position of the
   * newest token of the entry, and needed by every policy that drops or merges (models with a sliding window ask where
   * an entry stands); `until` (int32) with what the write op says; any other is float32, 0 at first, and
   * set by `observe`.
   */
  readonly columns: readonly string[];
  /** Tokens that a merge reaches back to; null: the whole segment. Present exactly when the policy writes `merge`. */
  readonly mergeWindow?: number | null;
  /** Attention mass wanted by `observe`: that of the last n queries of each step. Absent: fast kernels skip it. */
  readonly massQueries?: number;
  /** Visible band of a policy that drops by position: the first `sinks` tokens and the newest `recent` ones. */
  readonly band?: Band;
  /** Storage of closed entries that the policy asks for (`int8`, ...); open entries stay float32. Absent: the cache's. */
  readonly codec?: string;
  /** Channel that the policy borrows when the model declares none; blanked before and after rotation. */
  readonly borrowed?: BorrowedChannel;
  /** True when nothing is lost: `crop` works at every position. */
  readonly lossless: boolean;
  /** `exact`: any chunking of the prompt gives what decoding token by token gives. `defines`: chunks matter by definition. */
  readonly chunking: "exact" | "defines";
  /** Reads tensors on the host in decode, so a decode step cannot be recorded. Absent: device only. */
  readonly hostSync?: boolean;
}

/** Tokens that stay visible to a query at position p: positions < sinks, and those > p - recent. */
export interface Band {
  readonly sinks: number;
  readonly recent: number;
}

/** A channel of q and k that carries decisions; attention sees 0 there, before and after rotation. */
export interface BorrowedChannel {
  /** Index in 0..headDim-1. */
  readonly channel: number;
  /** Query heads that lose the channel: `all` (DMC), or only the first of each group (DMS). */
  readonly queries: "all" | "first-of-group";
  /** Whether keys lose it too (DMC: true, DMS: false). */
  readonly keys: boolean;
}

/** New tokens as the policy sees them: nothing rotated, nothing blanked. */
export interface NewTokens {
  /** `[rows, queryHeads, tokens, headDim]` */
  readonly q: Tensor4D;
  /** `[rows, kvHeads, tokens, headDim]` */
  readonly k: Tensor4D;
  /** `[rows, kvHeads, tokens, headDim]` */
  readonly v: Tensor4D;
  /** The layer's input before its norm, `[rows, tokens, hidden]`, for policies with own weights; undefined when the model gives none. */
  readonly input?: Tensor | undefined;
  /** int32 `[rows, tokens]`: logical positions, on the device. A decode step that uses these can be recorded. */
  positions(): Tensor2D;
  /** The same on the host, and which rows and lengths. */
  readonly step: Step;
}

/**
 * What happens to the new tokens. The closed set of writes that every store implements; all tensors stay on the device.
 * - `append`: one entry a token. `until` `[rows, kvHeads, tokens]` int32: first query position that no longer sees it;
 *   `previousUntil` `[rows, kvHeads]` the same for the lane's last entry (delayed eviction decides one token later).
 * - `merge`: where `merge` `[rows, kvHeads, tokens]` is 1 the token joins the lane's last entry by a weighted average
 *   with weight `omega` (same shape), where it is 0 it opens a new entry. The first token of a sequence always opens.
 * - `overwrite`: each token replaces the entry at `slot` `[rows, kvHeads, tokens]` int32 (constant memory); slot = lane
 *   length appends. The other entries keep their slots.
 */
export type WriteOp =
  | { readonly op: "append"; readonly until?: Tensor3D; readonly previousUntil?: Tensor }
  | { readonly op: "merge"; readonly merge: Tensor3D; readonly omega: Tensor3D }
  | { readonly op: "overwrite"; readonly slot: Tensor3D };

/**
 * What leaves the cache; the closed set of drops. Dropped entries are freed at once; the order of the others stays.
 * - `drop-lowest`: keeps the `keep` entries with the highest `scores` `[rows, kvHeads, slots]` of each lane, or, with
 *   scope `row`, `keep` entries a lane on average over all KV heads of the row (Ada-KV). Ties keep the older entry.
 *   `keep` is one number, or one for each row of the step (budgets that are a part of the prompt).
 * - `drop-below`: drops entries whose score is below `threshold` (delayed eviction: scores = `until` - position).
 * - `drop-range`: drops slots from `from` up to, not including, the newest `keepLast` of each lane: one number, or one for
 *   each row of the step (Infinity leaves the row as it is).
 */
export type DropOp =
  | {
      readonly op: "drop-lowest";
      readonly scores: Tensor3D;
      readonly keep: number | readonly number[];
      readonly scope?: "lane" | "row";
    }
  | { readonly op: "drop-below"; readonly scores: Tensor3D; readonly threshold: number }
  | { readonly op: "drop-range"; readonly from: number; readonly keepLast: number | readonly number[] };

/** Read access to a layer's entries in an evict or observe phase. `slots` = longest lane; shorter ones are padded. */
export interface EvictContext {
  readonly shape: LayerShape;
  readonly step: Step;
  /** int32 `[rows, tokens]`: logical positions of the step's tokens, on the device. */
  positions(): Tensor2D;
  /** int32 `[rows, kvHeads]`: entries of each lane. */
  lengths(): Tensor;
  /** A declared column `[rows, kvHeads, slots]`; 0 behind the end of a lane. Disposed by the cache after the phase. */
  column(name: string): Tensor3D;
  /** Keys as stored `[rows, kvHeads, slots, headDim]` (policies that score keys: knorm, keydiff). */
  keys(): Tensor4D;
  /** Values `[rows, kvHeads, slots, headDim]`. */
  values(): Tensor4D;
}

/** What `observe` gets: the context, the rotated queries, and the mass if the traits asked for it. */
export interface Observation extends EvictContext {
  /** Rotated queries of the step `[rows, queryHeads, tokens, headDim]`. */
  readonly q: Tensor4D;
  /** Mass that each entry received in this step `[rows, kvHeads, slots]`: summed over queries, mean over the group. */
  readonly mass?: Tensor3D;
}

/**
 * The decisions of one layer. Only `decide` is required. A step runs: decide → write → evictBefore → attend → observe →
 * evictAfter (and endOfPrefill after the last chunk of a prompt). Each method runs inside `tf.tidy`.
 */
export interface LayerPolicy {
  readonly traits: PolicyTraits;
  decide(tokens: NewTokens): WriteOp;
  evictBefore?(context: EvictContext): DropOp | undefined;
  /** New values of float columns, `[rows, kvHeads, slots]` each. */
  observe?(observation: Observation): Readonly<Record<string, Tensor3D>>;
  evictAfter?(context: EvictContext): DropOp | undefined;
  endOfPrefill?(context: EvictContext): DropOp | undefined;
  /** The differentiable form at the same call site; absent: the policy cannot be trained through. */
  readonly training?: TrainingForm;
}
