import type { CachePolicy, DropOp } from "../policy.js";
import type { Step } from "../step.js";
import type { LayerStore, StoreFactory } from "../store.js";
import type { LawSubject } from "./law.js";

/** Cases with a decision nearer to its threshold than this say nothing: rounding may tip it. */
export const clearMargin = 1e-4;

/** Watches how near decisions come to their thresholds. */
export interface DecisionWatch {
  /** The nearest so far; Infinity before the first. */
  nearest: number;
}

/** The policy, with the margin of every decision noted. */
export function watchPolicy(policy: CachePolicy, subject: LawSubject, watch: DecisionWatch): CachePolicy {
  const { margin } = subject;
  if (margin === undefined) return policy;
  return Object.create(policy, {
    forLayer: {
      value: (shape: Parameters<CachePolicy["forLayer"]>[0]) => {
        const layer = policy.forLayer(shape);
        const decide: typeof layer.decide = (tokens) => {
          watch.nearest = Math.min(watch.nearest, margin(tokens));
          return layer.decide(tokens);
        };
        return Object.create(layer, { decide: { value: decide } });
      },
    },
  });
}

/** Stores that note how near the scores of a drop are where it divides kept from dropped. */
export function watchStore(factory: StoreFactory, watch: DecisionWatch): StoreFactory {
  return (options) => {
    const store = factory(options);
    const drop = store.drop.bind(store);
    store.drop = (step: Step, op: DropOp) => {
      watch.nearest = Math.min(watch.nearest, scoreGap(store, options.shape.kvHeads, step, op));
      drop(step, op);
    };
    return store;
  };
}

function scoreGap(store: LayerStore, kvHeads: number, step: Step, op: DropOp): number {
  // whole numbers are not rounded
  if (op.op === "drop-range" || op.scores.dtype === "int32") return Number.POSITIVE_INFINITY;
  const all = store.laneLengths();
  const lengths = step.rows.flatMap((row) => all.slice(row * kvHeads, (row + 1) * kvHeads));
  const slots = Math.max(0, ...lengths);
  const scores = op.scores.dataSync();
  const perLane = lengths.map((length, lane) => [...scores.slice(lane * slots, lane * slots + length)]);
  if (op.op === "drop-below") {
    const gaps = perLane.flat().map((score) => Math.abs(score - op.threshold));
    return Math.min(Number.POSITIVE_INFINITY, ...gaps);
  }
  const byRow = step.rows.map((_, row) => perLane.slice(row * kvHeads, (row + 1) * kvHeads));
  const gaps = byRow.flatMap((lanes, row) => {
    const keep = typeof op.keep === "number" ? op.keep : (op.keep[row] ?? 0);
    const pools = op.scope === "row" ? [lanes.flat()] : lanes;
    const kept = op.scope === "row" ? keep * kvHeads : keep;
    return pools.map((pool) => {
      const sorted = pool.sort((a, b) => b - a);
      return (sorted[kept - 1] ?? Number.POSITIVE_INFINITY) - (sorted[kept] ?? Number.NEGATIVE_INFINITY);
    });
  });
  return Math.min(...gaps);
}
