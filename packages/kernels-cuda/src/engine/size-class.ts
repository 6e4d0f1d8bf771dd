const smallest = 256;

/** Bytes that the pool hands out for a request: four size classes for each doubling from 256 bytes on. */
export function sizeClass(bytes: number): number {
  if (bytes <= smallest) return smallest;
  const base = smallest * 2 ** Math.floor(Math.log2((bytes - 1) / smallest));
  const step = base / 4;
  return Math.ceil((base + Math.ceil((bytes - base) / step) * step) / smallest) * smallest;
}
