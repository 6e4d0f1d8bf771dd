import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { NativeBackend } from "./native-backend.js";
import { distances, plan, planWalk } from "./walk.js";

/** A tensor's values as `[outer, n, inner]`, where `n` counts the elements of the chosen axes. */
export interface Grouped {
  readonly values: Float32Array;
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  /** Gives back what was copied. */
  release(): void;
}

/**
 * Brings the chosen axes together: as they lie when they are neighbours (but for axes of size 1), else by a copy in which
 * they come last. `last` asks for `inner` to be 1. Undefined when the tensor has more dimensions than the addon takes.
 */
export function grouped(
  x: TensorInfo,
  axes: readonly number[],
  backend: NativeBackend,
  last = false,
): Grouped | undefined {
  const chosen = x.shape.map((_, axis) => axes.includes(axis));
  const long = x.shape.map((_, axis) => axis).filter((axis) => x.shape[axis] !== 1);
  const first = long.findIndex((axis) => chosen[axis]);
  const end = long.findLastIndex((axis) => chosen[axis]) + 1;
  const sizeOf = (list: readonly number[]) => list.reduce((product, axis) => product * (x.shape[axis] as number), 1);
  const n = sizeOf(axes);
  const inner = first < 0 ? 1 : sizeOf(long.slice(end));
  const neighbours = first < 0 || long.slice(first, end).every((axis) => chosen[axis]);
  if (neighbours && (inner === 1 || !last)) {
    const outer = first < 0 ? sizeOf(long) : sizeOf(long.slice(0, first));
    return { values: backend.floats(x), outer, n, inner, release: () => {} };
  }
  const order = [...long.filter((axis) => !chosen[axis]), ...long.filter((axis) => chosen[axis])];
  const own = distances(x.shape);
  const shape = order.map((axis) => x.shape[axis] as number);
  const rank = planWalk(
    shape,
    order.map((axis) => own[axis] as number),
    distances(shape),
  );
  if (rank === undefined) return undefined;
  const values = backend.scratch(util.sizeFromShape(shape));
  backend.addon.stridedCopy(backend.floats(x), 0, values, 0, plan, rank);
  return {
    values,
    outer: sizeOf(long.filter((axis) => !chosen[axis])),
    n,
    inner: 1,
    release: () => backend.release(values),
  };
}
