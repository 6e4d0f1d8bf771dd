import type { Band } from "../policy.js";

/** Later than any position. */
export const forEver = 0x7fffffff;

/**
 * First query position that no longer sees each entry: the end of the policy's band (sinks never leave), of the model's
 * sliding window, and own ends (`until`, overwritten in this chunk), whichever comes first. Undefined when nothing ever
 * leaves.
 *
 * @param positions logical position of each entry
 */
export function visibleUntil(
  positions: ArrayLike<number>,
  limits: { band: Band | undefined; window: number | undefined; ends: readonly ArrayLike<number>[] },
): Int32Array | undefined {
  const { band, window, ends } = limits;
  if (band === undefined && window === undefined && ends.length === 0) return undefined;
  return Int32Array.from({ length: positions.length }, (_, i) => {
    const position = positions[i] ?? 0;
    const bandEnd = band && position >= band.sinks ? position + band.recent : forEver;
    const windowEnd = window === undefined ? forEver : position + window;
    return Math.min(bandEnd, windowEnd, ...ends.map((end) => end[i] ?? forEver));
  });
}
