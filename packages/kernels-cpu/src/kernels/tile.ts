import type { TileAttrs, TileInputs } from "@tensorflow/tfjs-core";
import { isMovable, nativeKernel, type Present } from "../native-kernel.js";
import { distances, plan, planWalk } from "../walk.js";

/** A tensor repeated along its dimensions; what broadcasting a tensor to a shape is made of. */
export const tile = nativeKernel<Present<TileInputs>, TileAttrs>(
  "Tile",
  ({ inputs: { x }, attrs: { reps }, backend, fallback }) => {
    if (!isMovable(x)) return fallback();
    const shape = x.shape.map((size, axis) => size * (reps[axis] as number));
    const [own, target] = [distances(x.shape), distances(shape)];
    // Each dimension in two: which repetition, at distance 0 in x, and the place in it.
    const [sizes, from, to]: [number[], number[], number[]] = [[], [], []];
    x.shape.forEach((size, axis) => {
      const repeats = reps[axis] as number;
      if (repeats !== 1) {
        sizes.push(repeats);
        from.push(0);
        to.push(size * (target[axis] as number));
      }
      if (size !== 1) {
        sizes.push(size);
        from.push(own[axis] as number);
        to.push(target[axis] as number);
      }
    });
    const rank = planWalk(sizes, from, to);
    if (rank === undefined) return fallback();
    const { info, values } = backend.outputOf(x.dtype, shape);
    if (values.length > 0) backend.addon.stridedCopy(backend.elements(x), 0, values, 0, plan, rank);
    return info;
  },
);
