const VALUES = 32;

/**
 * One scale for each block of 32: the value of largest magnitude, with its sign, decodes from the lowest code
 * `-levels` (8 for 4 bits, 16 for 5 bits). NaN marks a block that has NaN or infinity.
 */
export function signedScales(values: Float32Array, levels: number): Float32Array {
  const scales = new Float32Array(values.length / VALUES);
  for (let block = 0; block < scales.length; block++) {
    let extreme = 0;
    let poison = 0; // 0 * x is NaN exactly when x is NaN or infinite
    for (let i = block * VALUES; i < (block + 1) * VALUES; i++) {
      const value = values[i] as number;
      poison += value * 0;
      if (Math.abs(value) > Math.abs(extreme)) extreme = value;
    }
    scales[block] = extreme / -levels + poison;
  }
  return scales;
}

/** The code 0..2*`levels`-1 nearest to `value` under the scale as stored: no other code of the block decodes closer. */
export function nearestSigned(value: number, scale: number, levels: number): number {
  return scale === 0 ? levels : Math.min(2 * levels - 1, Math.max(0, Math.floor(value / scale + levels + 0.5)));
}

/** `[scale, minimum]` of each block of 32 with codes 0..`top`. NaN marks a block that has NaN or infinity. */
export function scalesAndMinima(values: Float32Array, top: number): Float32Array {
  const pairs = new Float32Array(values.length / 16);
  for (let block = 0; block < pairs.length / 2; block++) {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    let poison = 0; // 0 * x is NaN exactly when x is NaN or infinite
    for (let i = block * VALUES; i < (block + 1) * VALUES; i++) {
      const value = values[i] as number;
      poison += value * 0;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    pairs[2 * block] = (high - low) / top + poison;
    pairs[2 * block + 1] = low + poison;
  }
  return pairs;
}

/** The code 0..`top` nearest to `value` under scale and minimum as stored: no other code of the block decodes closer. */
export function nearestAffine(value: number, scale: number, minimum: number, top: number): number {
  return scale === 0 ? 0 : Math.min(top, Math.max(0, Math.floor((value - minimum) / scale + 0.5)));
}
