import type { Rope } from "@kvfold/core";
import type { NativeBackend } from "../native-backend.js";

/** Cosines and sines for the positions from 0 on, `[positions, half]`. */
export interface KeyAngles {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly positions: number;
  readonly half: number;
  /** The text's length that they are for, where that matters. */
  readonly length: number | undefined;
}

const known = new WeakMap<Rope, KeyAngles>();

/**
 * Angles that turn keys when they are read, for all positions below `positions`. They are remembered by Rope and grow by
 * doubling; dynamic scaling, whose angles depend on the text's length, has them made anew when that changes.
 */
export function keyAngles(rope: Rope, positions: number, length: number, backend: NativeBackend): KeyAngles {
  const dynamic = rope.descriptor.scaling.type === "dynamic";
  const found = known.get(rope);
  const lengthNow = dynamic ? length : undefined;
  if (found && found.positions >= positions && found.length === lengthNow) return found;
  const count = Math.max(positions, 2 * (found?.positions ?? 32));
  const angles = rope.angles(
    Int32Array.from({ length: count }, (_, position) => position),
    { length },
  );
  const half = angles.cos.shape[1] as number;
  const made = {
    cos: backend.floats(angles.cos).slice(),
    sin: backend.floats(angles.sin).slice(),
    positions: count,
    half,
    length: lengthNow,
  };
  known.set(rope, made);
  return made;
}
