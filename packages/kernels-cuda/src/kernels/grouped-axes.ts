import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../backend/cuda-backend.js";
import type { DeviceDtype } from "../backend/tensor-data.js";
import { stridedCopy } from "./strided-copy.js";
import { distances, planWalk } from "./walk.js";

/** A tensor's values as `[outer, n, inner]`, where `n` counts the elements of the chosen axes. */
export interface Grouped {
  readonly address: number;
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  /** Gives back what was copied. */
  release(): void;
}

/**
 * Brings the chosen axes together: as they lie when they are neighbours (but for axes of size 1), else by a copy in which
 * they come last. Undefined when the tensor has more dimensions than the device takes.
 */
export function grouped(x: TensorInfo, axes: readonly number[], backend: CudaBackend): Grouped | undefined {
  const chosen = x.shape.map((_, axis) => axes.includes(axis));
  const long = x.shape.map((_, axis) => axis).filter((axis) => x.shape[axis] !== 1);
  const first = long.findIndex((axis) => chosen[axis]);
  const end = long.findLastIndex((axis) => chosen[axis]) + 1;
  const sizeOf = (list: readonly number[]) => list.reduce((product, axis) => product * (x.shape[axis] as number), 1);
  const n = sizeOf(axes);
  if (first < 0 || long.slice(first, end).every((axis) => chosen[axis])) {
    const outer = first < 0 ? sizeOf(long) : sizeOf(long.slice(0, first));
    const inner = first < 0 ? 1 : sizeOf(long.slice(end));
    return { address: backend.address(x), outer, n, inner, release: () => {} };
  }
  const order = [...long.filter((axis) => !chosen[axis]), ...long.filter((axis) => chosen[axis])];
  const own = distances(x.shape);
  const shape = order.map((axis) => x.shape[axis] as number);
  const steps = order.map((axis) => own[axis] as number);
  const walk = planWalk(shape, steps, distances(shape));
  if (walk === undefined) return undefined;
  const out = backend.output([util.sizeFromShape(shape)], x.dtype as DeviceDtype);
  if (out.length > 0) stridedCopy(backend, x, out, walk);
  const outer = sizeOf(long.filter((axis) => !chosen[axis]));
  return { address: out.address, outer, n, inner: 1, release: () => backend.disposeData(out.info.dataId) };
}
