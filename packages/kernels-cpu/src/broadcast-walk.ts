import { broadcast_util, util } from "@tensorflow/tfjs-core";
import { broadcastDistances, planRow, planWalk } from "./walk.js";

/** Shape of the result of two operands that broadcast, and the rank of the walk that was planned for them. */
export interface BroadcastWalk {
  readonly shape: number[];
  /** Undefined when the addon does not take so many dimensions. */
  readonly rank: number | undefined;
}

/** Plans the walk over two operands that broadcast against each other. */
export function broadcastWalk(a: number[], b: number[]): BroadcastWalk {
  if (util.arraysEqual(a, b)) return { shape: a, rank: planRow(util.sizeFromShape(a)) };
  const shape = broadcast_util.assertAndGetBroadcastShape(a, b);
  const rank = planWalk(shape, broadcastDistances(a, shape.length), broadcastDistances(b, shape.length));
  return { shape, rank };
}
