import type { Band } from "../policy.js";

/** Later than any position. */
export const forEver = 0x7fffffff;

/**
 * First query position that no longer sees each entry: the end of the policy's band (sinks never leave), of the model's
 * sliding window, and of an own `until`, whichever comes first. Undefined when nothing ever leaves.
 *
 * @param positions logical position of each entry
 */
export function visibleUntil(
  positions: ArrayLike<number>,
  limits: { band: Band | undefined; window: number | undefined; until: ArrayLike<number> | undefined },
): Int32Array | undefined {
  const { band, window, until } = limits;
  if (band === undefined && window === undefined && until === undefined) return undefined;
  return Int32Array.from({ length: positions.length }, (_, i) => {
    const position = positions[i] ?? 0;
    const bandEnd = band && position >= band.sinks ? position + band.recent : forEver;
    return Math.min(bandEnd, window === undefined ? forEver : position + window, until?.[i] ?? forEver);
  });
}
