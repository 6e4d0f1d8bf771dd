const smallest = 256;
/** From here on classes are so far apart, because a fourth of a device's memory is too much to round to. */
const large = 2 ** 30;
const largeStep = 2 ** 26;

/** Bytes that the pool hands out for a request: four size classes for each doubling from 256 bytes to 1 GiB. */
export function sizeClass(bytes: number): number {
  if (bytes <= smallest) return smallest;
  if (bytes > large) return Math.ceil(bytes / largeStep) * largeStep;
  const base = smallest * 2 ** Math.floor(Math.log2((bytes - 1) / smallest));
  const step = base / 4;
  return Math.ceil((base + Math.ceil((bytes - base) / step) * step) / smallest) * smallest;
}
