import { broadcast_util, util } from "@tensorflow/tfjs-core";

/** Most dimensions of a walk on the device. */
const maximumRank = 8;
/** Walks of several dimensions count elements in 31 bits. */
const mostElements = 2 ** 31 - 1;

/** A way through the elements of two operands: sizes, and each operand's distance between neighbours along each dimension. */
export interface Walk {
  readonly rank: number;
  readonly sizes: readonly number[];
  readonly first: readonly number[];
  readonly second: readonly number[];
}

/** Distances between neighbours along each dimension of a tensor. */
export function distances(shape: readonly number[]): number[] {
  const found = new Array<number>(shape.length);
  for (let i = shape.length - 1, step = 1; i >= 0; i--) {
    found[i] = step;
    step *= shape[i] as number;
  }
  return found;
}

/** Distances of a tensor that is repeated to fill `rank` dimensions, as broadcasting does: 0 along what repeats. */
function broadcastDistances(shape: readonly number[], rank: number): number[] {
  const found = new Array<number>(rank).fill(0);
  for (let i = shape.length - 1, step = 1; i >= 0; i--) {
    const size = shape[i] as number;
    if (size !== 1) found[rank - shape.length + i] = step;
    step *= size;
  }
  return found;
}

/**
 * The walk over `sizes`, with dimensions joined where both operands go on evenly, so that few are left.
 *
 * @returns undefined when more dimensions or elements are left than the device takes
 */
export function planWalk(
  sizes: readonly number[],
  first: readonly number[],
  second: readonly number[],
): Walk | undefined {
  const joined: [number, number, number][] = [];
  sizes.forEach((size, i) => {
    if (size === 1) return;
    const [a, b] = [first[i] as number, second[i] as number];
    const last = joined.at(-1);
    if (last !== undefined && last[1] === size * a && last[2] === size * b) {
      joined[joined.length - 1] = [last[0] * size, a, b];
    } else joined.push([size, a, b]);
  });
  if (joined.length === 0) joined.push([1, 0, 0]);
  const n = joined.reduce((product, [size]) => product * size, 1);
  if (joined.length > maximumRank || (joined.length > 1 && n > mostElements)) return undefined;
  return {
    rank: joined.length,
    sizes: joined.map(([size]) => size),
    first: joined.map(([, a]) => a),
    second: joined.map(([, , b]) => b),
  };
}

/** Plans the walk over two operands that broadcast against each other, and gives the result's shape. */
export function broadcastWalk(a: number[], b: number[]): { readonly shape: number[]; readonly walk: Walk | undefined } {
  const same = util.arraysEqual(a, b);
  const shape = same ? a : broadcast_util.assertAndGetBroadcastShape(a, b);
  if (same) return { shape, walk: { rank: 1, sizes: [0], first: [1], second: [1] } };
  const rank = shape.length;
  return { shape, walk: planWalk(shape, broadcastDistances(a, rank), broadcastDistances(b, rank)) };
}
