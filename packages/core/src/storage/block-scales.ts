import { halfBits } from "./half-bits.js";

const VALUES = 32;
/** Everything from here on rounds to infinity in half precision. */
const F16_OVERFLOW = 65520;

/**
 * Scales of blocks of 32, as llama.cpp's reference encoder finds them: codes come from the scale in float32, what is stored is
 * its half. All arithmetic is rounded to float32 step by step, so that files have llama.cpp's bytes.
 */
export interface BlockScales {
  /** Half-precision bits of what is stored for a block: one scale, or scale and minimum. */
  readonly bits: Uint16Array;
  /** 1 / scale of each block; 0 for a block of equal values. */
  readonly inverses: Float32Array;
}

/**
 * One scale a block: the value of largest magnitude, with its sign, decodes from the lowest code `-levels` (8 for 4 bits, 16
 * for 5 bits).
 * @param refuse makes the error for a block that has NaN, infinity or a scale beyond half precision
 */
export function signedScales(values: Float32Array, levels: number, refuse: (block: number) => Error): BlockScales {
  const scales = new Float32Array(values.length / VALUES);
  for (let block = 0; block < scales.length; block++) {
    let extreme = 0;
    let poison = 0; // 0 * x is NaN exactly when x is NaN or infinite
    for (let i = block * VALUES; i < (block + 1) * VALUES; i++) {
      const value = values[i] as number;
      poison += value * 0;
      if (Math.abs(value) > Math.abs(extreme)) extreme = value;
    }
    const scale = extreme / -levels;
    if (poison !== 0 || Math.abs(scale) >= F16_OVERFLOW) throw refuse(block);
    scales[block] = scale;
  }
  return { bits: halfBits(scales), inverses: scales.map(inverse) };
}

/** The code 0..2*`levels`-1 of `value`. */
export function signedCode(value: number, inverse: number, levels: number): number {
  return Math.min(2 * levels - 1, Math.trunc(Math.fround(Math.fround(value * inverse) + (levels + 0.5))));
}

/**
 * Scale and minimum of each block with codes 0..`top`.
 * @param refuse makes the error for a block that has NaN, infinity or a range beyond half precision
 */
export function scalesAndMinima(
  values: Float32Array,
  top: number,
  refuse: (block: number) => Error,
): BlockScales & { readonly minima: Float32Array } {
  const scales = new Float32Array(values.length / VALUES);
  const minima = new Float32Array(scales.length);
  const pairs = new Float32Array(2 * scales.length);
  for (let block = 0; block < scales.length; block++) {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    let poison = 0; // 0 * x is NaN exactly when x is NaN or infinite
    for (let i = block * VALUES; i < (block + 1) * VALUES; i++) {
      const value = values[i] as number;
      poison += value * 0;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const scale = Math.fround(Math.fround(high - low) / top);
    if (poison !== 0 || Math.max(scale, Math.abs(low)) >= F16_OVERFLOW) throw refuse(block);
    scales[block] = pairs[2 * block] = scale;
    minima[block] = pairs[2 * block + 1] = low;
  }
  return { bits: halfBits(pairs), inverses: scales.map(inverse), minima };
}

/** The code 0..`top` of `value`. */
export function affineCode(value: number, inverse: number, minimum: number, top: number): number {
  const steps = Math.fround(Math.fround(value - minimum) * inverse);
  return Math.min(top, Math.trunc(Math.fround(steps + 0.5)));
}

/** Below 2^-126 a scale has no inverse in float32; its half is 0, so that codes mean nothing. */
function inverse(scale: number): number {
  const value = Math.fround(1 / scale);
  return Number.isFinite(value) ? value : 0;
}
