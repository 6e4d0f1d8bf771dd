import { Rope } from "@kvfold/core";
import { attention, type CachePolicy, KvCache, type StoreState } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";

/** Inputs of one attention layer and how to rotate. */
export interface LayerInputs {
  /** `[rows, queryHeads, tokens, headDim]` */
  readonly q: tf.Tensor4D;
  /** `[rows, kvHeads, tokens, headDim]` */
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
  /** The layer's input `[rows, tokens, hidden]`, for policies that read it. */
  readonly input?: tf.Tensor3D;
  /** Undefined: no rotation. */
  readonly theta?: number;
}

/** A rope of the goldens' convention: half-split, all channels, no scaling. */
export function plainRope(headDim: number, theta: number, maxPositions: number): Rope {
  return new Rope({ headDim, rotaryDim: headDim, theta, maxPositions, scaling: { type: "none" } });
}

/** A one-layer cache that was fed the inputs in chunks, and what it gave. */
export interface CacheRun {
  readonly cache: KvCache;
  /** `[rows, queryHeads, tokens, headDim]` */
  readonly out: tf.Tensor4D;
}

/** Feeds the inputs to a fresh one-layer cache, `chunk` tokens a call. @param onStep called after each call */
export function runCache(
  policy: CachePolicy,
  { q, k, v, input, theta }: LayerInputs,
  chunk: number,
  onStep: (cache: KvCache) => void = () => {},
): CacheRun {
  const [rows, queryHeads, tokens, headDim] = q.shape;
  const rope = theta === undefined ? undefined : plainRope(headDim, theta, tokens);
  const cache = new KvCache({ policy, layers: 1, queryHeads, kvHeads: k.shape[1], headDim, rows });
  const outs: tf.Tensor4D[] = [];
  for (let start = 0; start < tokens; start += chunk) {
    const size = Math.min(chunk, tokens - start);
    const part = (x: tf.Tensor4D) => tf.slice(x, [0, 0, start, 0], [-1, -1, size, -1]);
    const call = { q: part(q), k: part(k), v: part(v), ...(rope ? { rope } : {}) };
    const own = input && { input: tf.slice(input, [0, start, 0], [-1, size, -1]) };
    outs.push(attention(cache.layer(0), { ...call, ...own }));
    onStep(cache);
  }
  return { cache, out: tf.concat(outs, 2) };
}

/** What a one-layer cache holds, as plain arrays; lanes are (row, KV head), row-major. */
export class CacheContent {
  readonly lengths: readonly number[];
  private readonly state: Readonly<Record<string, { values: ArrayLike<number>; width: number }>>;

  constructor(cache: KvCache) {
    const [layer] = cache.snapshotLayers() as [StoreState];
    this.lengths = layer.lengths;
    this.state = Object.fromEntries(
      Object.entries(layer.tensors).map(([name, tensor]) => [
        name,
        { values: tensor.dataSync(), width: tensor.shape.slice(1).reduce((a, b) => a * b, 1) },
      ]),
    );
    tf.dispose(Object.values(layer.tensors));
  }

  /** Keys or values of a lane, `[entries * headDim]`, or its positions. */
  entries(part: "keys" | "values" | "position", lane: number): number[] {
    const { values, width } = this.field(part);
    const first = this.lengths.slice(0, lane).reduce((a, b) => a + b, 0);
    return Array.from(values).slice(first * width, (first + (this.lengths[lane] ?? 0)) * width);
  }

  /** Logical positions of a lane's entries. */
  positions(lane: number): number[] {
    return this.entries("position", lane);
  }

  /** The newest entry of each lane, `[lanes * headDim]`. */
  newest(part: "keys" | "values"): number[] {
    const { width } = this.field(part);
    return this.lengths.flatMap((_, lane) => this.entries(part, lane).slice(-width));
  }

  /** Tokens in the open segment of each lane. */
  openTokens(): number[] {
    return Array.from(this.field("count").values);
  }

  /** Side state of a lane, one row of numbers (weighted item, then weight) for each ring slot; one row without a ring. */
  sums(lane: number, headDim: number): number[][] {
    const { values, width } = this.field("sums");
    const own = Array.from(values).slice(lane * width, (lane + 1) * width);
    const row = 2 * headDim + 1;
    return Array.from({ length: width / row }, (_, i) => own.slice(i * row, (i + 1) * row));
  }

  private field(name: string) {
    const field = this.state[name];
    if (!field) throw new Error(`the cache holds no '${name}'`);
    return field;
  }
}
