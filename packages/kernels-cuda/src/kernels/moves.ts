import type {
  PadV2Attrs,
  PadV2Inputs,
  TileAttrs,
  TileInputs,
  TransposeAttrs,
  TransposeInputs,
} from "@tensorflow/tfjs-core";
import { cudaKernel, onDevice, type Present } from "../backend/cuda-kernel.js";
import { fillElements } from "./fill.js";
import { stridedCopy } from "./strided-copy.js";
import { distances, planWalk } from "./walk.js";

/** Any order of the dimensions. */
export const transpose = cudaKernel<Present<TransposeInputs>, TransposeAttrs>(
  "Transpose",
  ({ inputs: { x }, attrs: { perm }, backend, fallback }) => {
    if (!onDevice(x)) return fallback();
    const own = distances(x.shape);
    const shape = perm.map((axis) => x.shape[axis] as number);
    const steps = perm.map((axis) => own[axis] as number);
    const walk = planWalk(shape, steps, distances(shape));
    if (walk === undefined) return fallback();
    const out = backend.output(shape, x.dtype);
    if (out.length > 0) stridedCopy(backend, x, out, walk);
    return out.info;
  },
);

/** A tensor repeated along its dimensions; what broadcasting a tensor to a shape is made of. */
export const tile = cudaKernel<Present<TileInputs>, TileAttrs>(
  "Tile",
  ({ inputs: { x }, attrs: { reps }, backend, fallback }) => {
    if (!onDevice(x)) return fallback();
    const shape = x.shape.map((size, axis) => size * (reps[axis] as number));
    const [own, target] = [distances(x.shape), distances(shape)];
    // Each dimension in two: which repetition, at distance 0 in x, and the place in it.
    const [sizes, from, to]: [number[], number[], number[]] = [[], [], []];
    x.shape.forEach((size, axis) => {
      sizes.push(reps[axis] as number, size);
      from.push(0, own[axis] as number);
      to.push(size * (target[axis] as number), target[axis] as number);
    });
    const walk = planWalk(sizes, from, to);
    if (walk === undefined) return fallback();
    const out = backend.output(shape, x.dtype);
    if (out.length > 0) stridedCopy(backend, x, out, walk);
    return out.info;
  },
);

/** A tensor in the middle of a constant. */
export const pad = cudaKernel<Present<PadV2Inputs>, PadV2Attrs>(
  "PadV2",
  ({ inputs: { x }, attrs: { paddings, constantValue }, backend, fallback }) => {
    if (!onDevice(x)) return fallback();
    const shape = paddings.map(([before, after], axis) => before + (x.shape[axis] as number) + after);
    const target = distances(shape);
    const walk = planWalk(x.shape, distances(x.shape), target);
    if (walk === undefined) return fallback();
    const out = backend.output(shape, x.dtype);
    fillElements(backend, out, x.dtype, constantValue);
    const first = paddings.reduce((sum, [before], axis) => sum + before * (target[axis] as number), 0);
    if (x.shape.every((size) => size > 0)) stridedCopy(backend, x, out, walk, { to: first });
    return out.info;
  },
);
