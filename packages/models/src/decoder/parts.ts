import * as tf from "@tensorflow/tfjs-core";

/** A computation that yields wherever the event loop may have a turn. */
export type Parts<T> = Generator<void, T>;

/** Longest time in ms that parts keep the event loop, as far as they are short themselves. */
export const turnMs = 4;

/** All parts, one behind the other. */
export function atOnce<T>(parts: Parts<T>): T {
  for (;;) {
    const next = parts.next();
    if (next.done) return next.value;
  }
}

/**
 * All parts, with a turn of the event loop between two of them whenever {@link turnMs} have passed since the last.
 *
 * @param check throws when the computation must not go on after a turn; the parts clean up
 */
export async function inTurns<T>(parts: Parts<T>, check: () => void): Promise<T> {
  let last = performance.now();
  for (;;) {
    const next = parts.next();
    if (next.done) return next.value;
    if (performance.now() - last < turnMs) continue;
    await tf.nextFrame();
    try {
      check();
    } catch (error) {
      parts.throw(error);
    }
    last = performance.now();
  }
}
