const smallest = 64;

/**
 * Bytes that the addon's memory pool hands out for a request: four size classes for each doubling from 64 bytes on. The
 * same function as the addon's `classBytes`, without the call.
 */
export function sizeClass(bytes: number): number {
  if (bytes <= smallest) return smallest;
  const base = smallest * 2 ** Math.floor(Math.log2((bytes - 1) / smallest));
  const step = base / 4;
  return Math.ceil((base + Math.ceil((bytes - base) / step) * step) / smallest) * smallest;
}
