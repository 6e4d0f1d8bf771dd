import { KvfoldError } from "@kvfold/core";
import { type CacheStats, cacheStats } from "./cache-stats.js";
import { LayerCache } from "./layer-cache.js";
import type { CachePolicy } from "./policy.js";
import type { Step } from "./step.js";
import type { BufferId, StoreFactory, StoreSnapshot, StoreState } from "./store.js";
import { createStore } from "./store-registry.js";

/** What a cache is made for. */
export interface KvCacheOptions {
  readonly policy: CachePolicy;
  readonly layers: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Sequences in the batch. Default 1; `addRows` adds more. */
  readonly rows?: number;
  /**
   * Storage of closed entries in layers whose policy asks for none. `f32` (the default) on every backend; `bf16` and
   * `int8` where the backend's store has them: `native` (`@kvfold/kernels-cpu`).
   */
  readonly codec?: string;
  /** Makes the stores. Default: what the current backend registered, else the reference store. */
  readonly store?: StoreFactory;
}

interface Checkpoint {
  readonly tokens: readonly number[];
  readonly layers: readonly StoreSnapshot[];
}

/**
 * The key-value cache of a model for a batch of sequences, under one policy. Pass `layer(i)` to `attention` in layer i;
 * everything else (positions, lengths, eviction, bytes) is kept here. Owns device memory: `dispose()` it, or use `using`.
 */
export class KvCache {
  readonly options: Required<KvCacheOptions>;
  private readonly layerCaches: LayerCache[];
  private checkpoints: Checkpoint[] = [];
  private attended = 0;
  private disposed = false;
  private held = false;
  private readonly owned = new Map<object, { dispose(): void }>();

  constructor(options: KvCacheOptions) {
    this.options = { rows: 1, codec: "f32", store: createStore, ...options };
    const { policy, layers, queryHeads, kvHeads, headDim, rows, codec, store: makeStore } = this.options;
    for (const [name, value] of Object.entries({ layers, queryHeads, kvHeads, headDim })) {
      if (!Number.isInteger(value) || value < 1)
        throw new KvfoldError("cache-options", `${name} must be a positive integer; got ${value}.`);
    }
    if (!Number.isInteger(rows) || rows < 0)
      throw new KvfoldError("cache-options", `rows must be a non-negative integer; got ${rows}.`);
    if (queryHeads % kvHeads !== 0) {
      throw new KvfoldError("cache-options", `queryHeads (${queryHeads}) must be a multiple of kvHeads (${kvHeads}).`);
    }
    this.layerCaches = Array.from({ length: layers }, (_, layer) => {
      const shape = { layer, layers, queryHeads, kvHeads, headDim };
      const layerPolicy = policy.forLayer(shape);
      const { traits } = layerPolicy;
      const store = makeStore({ shape, traits, rows, codec: traits.codec ?? codec });
      return new LayerCache(shape, layerPolicy, store, (_layer, step) => this.afterLayer(step));
    });
  }

  /** The cache of layer i, for `attention`. */
  layer(i: number): LayerCache {
    this.checkAlive();
    const layer = this.layerCaches[i];
    if (!layer)
      throw new KvfoldError(
        "cache-layer",
        `There is no layer ${i}; this cache has ${this.layerCaches.length}, from 0.`,
      );
    return layer;
  }

  /** Sequences in the batch. */
  get rows(): number {
    return this.tokens.length;
  }

  /** Logical tokens of each row that all layers have seen. */
  get tokens(): readonly number[] {
    const last = this.layerCaches[this.layerCaches.length - 1] as LayerCache;
    return [...last.tokens];
  }

  /** True when nothing is ever lost, so that `crop` works at every position. */
  get lossless(): boolean {
    return this.layerCaches.every((layer) => layer.policy.traits.lossless);
  }

  /** True when a decoding step under this policy is the same kernels every time: nothing is read or decided on the host. */
  get recordable(): boolean {
    const { policy } = this.options;
    return policy.coordinate === undefined && this.layerCaches.every((layer) => !layer.policy.traits.hostSync);
  }

  /**
   * Keeps the cache for a step that gives the event loop turns before it is done. Until the function that it returns is
   * called, whatever else would change the cache is an error, and `dispose` waits with freeing.
   *
   * @throws KvfoldError `cache-busy` when another step is under way
   */
  hold(): () => void {
    this.checkFree();
    this.held = true;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.held = false;
      if (this.disposed) this.free();
    };
  }

  /** @throws KvfoldError `cache-busy` while a step is under way, see {@link hold}; `cache-disposed` */
  checkFree(): void {
    this.checkAlive();
    if (this.held) {
      throw new KvfoldError(
        "cache-busy",
        "A step on this cache is under way; await it first, or work on a fork() made before it began.",
      );
    }
  }

  /** Notes a step that a recording carried out on all layers; `step.starts` as they were before it. */
  replayed(step: Step): void {
    this.checkAlive();
    for (const layer of this.layerCaches) layer.replayed(step);
  }

  /** What `owner` keeps for this cache, for example a recorded step. It is disposed of with the cache, or when replaced. */
  keep(owner: object, thing: { dispose(): void }): void {
    this.checkAlive();
    this.owned.get(owner)?.dispose();
    this.owned.set(owner, thing);
  }

  /** What {@link keep} was given last. */
  kept(owner: object): { dispose(): void } | undefined {
    return this.owned.get(owner);
  }

  /** Adds empty sequences at the end of the batch. */
  addRows(count: number): void {
    this.changeRows(() => {
      for (const layer of this.layerCaches) layer.addRows(count);
    });
  }

  /** Keeps these sequences in this order and frees the others; naming one twice copies it (beam search). Drops checkpoints. */
  selectRows(rows: readonly number[]): void {
    const bad = rows.find((row) => !Number.isInteger(row) || row < 0 || row >= this.rows);
    if (bad !== undefined)
      throw new KvfoldError("cache-rows", `There is no row ${bad}; this cache has ${this.rows}, from 0.`);
    this.changeRows(() => {
      for (const layer of this.layerCaches) layer.selectRows(rows);
    });
  }

  /** Remembers the present state, so that `crop` can return to it; costs the memory that later steps replace. */
  checkpoint(): void {
    this.checkFree();
    this.checkpoints.push({ tokens: this.tokens, layers: this.layerCaches.map((layer) => layer.snapshot()) });
  }

  /** Forgets all checkpoints and frees what only they held. */
  dropCheckpoints(): void {
    for (const point of this.checkpoints) disposeCheckpoint(point);
    this.checkpoints = [];
  }

  /**
   * Forgets all tokens from position n on (one number for all rows, or one a row). Lossless policies crop anywhere;
   * merging and evicting ones only to 0 and to a `checkpoint()`.
   *
   * @throws KvfoldError `cache-crop` elsewhere; the message names the nearest restorable position
   */
  crop(n: number | readonly number[]): void {
    this.checkFree();
    const now = this.tokens;
    const target = now.map((count, row) => Math.min(count, typeof n === "number" ? n : (n[row] ?? count)));
    if (target.some((count) => !Number.isInteger(count) || count < 0)) {
      throw new KvfoldError("cache-crop", `crop takes token counts >= 0; got ${JSON.stringify(n)}.`);
    }
    if (target.every((count, row) => count === now[row])) return;
    const at = this.checkpoints.findLastIndex((point) => sameCounts(point.tokens, target));
    if (at >= 0) this.restoreCheckpoint(at);
    else if (this.lossless) for (const layer of this.layerCaches) layer.crop(target);
    else if (target.every((count) => count === 0)) this.reset();
    else throw new KvfoldError("cache-crop", this.cropRefusal(target));
    for (const point of this.checkpoints.filter(
      (p) => !p.tokens.every((count, row) => count <= (this.tokens[row] ?? 0)),
    )) {
      disposeCheckpoint(point);
      this.checkpoints = this.checkpoints.filter((p) => p !== point);
    }
  }

  /** Empties every row; the cache is as new. Checkpoints are dropped. */
  reset(): void {
    const count = this.rows;
    this.selectRows([]);
    this.addRows(count);
  }

  /** An independent copy. Memory is shared until one of the two writes; checkpoints are not copied. */
  fork(): KvCache {
    this.checkFree();
    const copy = new KvCache({ ...this.options, rows: this.rows });
    this.layerCaches.forEach((layer, i) => {
      const snapshot = layer.snapshot();
      copy.layer(i).restore(snapshot, layer.tokens);
      snapshot.dispose();
    });
    return copy;
  }

  /**
   * Takes over the state of every layer of a cache of the same shape, which `snapshotLayers` gave and a file held. The
   * tensors stay the caller's.
   */
  restoreLayers(states: readonly StoreState[], tokens: readonly number[]): void {
    this.checkFree();
    this.layerCaches.forEach((layer, i) => {
      layer.importState(states[i] as StoreState, tokens);
    });
  }

  /** State of every layer as plain tensors, for files; the caller disposes them. */
  snapshotLayers(): StoreState[] {
    this.checkFree();
    return this.layerCaches.map((layer) => layer.exportState());
  }

  /** Bytes that the allocator holds for entries, policy state and checkpoints; shared buffers are counted once. */
  get liveBytes(): number {
    return liveBytesOf([this]);
  }

  /** Tokens, entries, ratios and bytes: totals, per layer and per head. */
  stats(): CacheStats {
    this.checkAlive();
    return cacheStats(
      this.layerCaches.map((layer) => layer.stats()),
      this.liveBytes,
    );
  }

  /** The buffers behind `liveBytes`: identity → bytes. */
  buffers(): ReadonlyMap<BufferId, number> {
    const all = new Map<BufferId, number>();
    if (this.disposed) return all;
    for (const layer of this.layerCaches) for (const [id, bytes] of layer.buffers()) all.set(id, bytes);
    for (const point of this.checkpoints) {
      for (const snapshot of point.layers) for (const [id, bytes] of snapshot.buffers()) all.set(id, bytes);
    }
    return all;
  }

  /** Frees everything, at the end of a step that is under way; safe to call twice. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    if (!this.held) this.free();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private afterLayer(step: Step): void {
    this.attended++;
    if (this.attended < this.layerCaches.length) return;
    this.attended = 0;
    const drops = this.options.policy.coordinate?.(this.layerCaches.map((layer) => layer.context(step)));
    drops?.forEach((op, i) => {
      if (op) this.layerCaches[i]?.drop(step, op);
    });
  }

  private free(): void {
    this.dropCheckpoints();
    for (const thing of this.owned.values()) thing.dispose();
    this.owned.clear();
    for (const layer of this.layerCaches) layer.dispose();
  }

  private changeRows(change: () => void): void {
    this.checkFree();
    this.dropCheckpoints();
    change();
  }

  private restoreCheckpoint(at: number): void {
    const point = this.checkpoints[at] as Checkpoint;
    this.layerCaches.forEach((layer, i) => {
      layer.restore(point.layers[i] as StoreSnapshot, point.tokens);
    });
  }

  private cropRefusal(target: readonly number[]): string {
    const distance = (tokens: readonly number[]) =>
      tokens.reduce((sum, n, row) => sum + Math.abs(n - (target[row] ?? 0)), 0);
    const restorable = [this.tokens.map(() => 0), ...this.checkpoints.map((point) => point.tokens), this.tokens];
    const nearest = restorable.reduce((best, tokens) => (distance(tokens) < distance(best) ? tokens : best));
    const show = (tokens: readonly number[]) => (tokens.length === 1 ? `${tokens[0]}` : `[${tokens}]`);
    return `Policy '${this.options.policy.name}' cannot return to position ${show(target)}: what it merged or dropped is gone. The nearest restorable position is ${show(nearest)}; call checkpoint() where you will want to return.`;
  }

  /** @throws KvfoldError `cache-disposed` after {@link dispose} */
  checkAlive(): void {
    if (this.disposed) throw new KvfoldError("cache-disposed", "This cache was disposed; make a new one.");
  }
}

/** Bytes behind several caches together; buffers that forks share are counted once. */
export function liveBytesOf(caches: readonly KvCache[]): number {
  const all = new Map<BufferId, number>();
  for (const cache of caches) for (const [id, bytes] of cache.buffers()) all.set(id, bytes);
  return [...all.values()].reduce((sum, bytes) => sum + bytes, 0);
}

function sameCounts(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

function disposeCheckpoint(point: Checkpoint): void {
  for (const snapshot of point.layers) snapshot.dispose();
}
