/** Root-mean-square normalisation of rows as wide as `weight`, in plain loops and double precision. */
export function rmsNormOracle(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  epsilon: number,
  weightOffset: number,
): Float64Array {
  const dim = weight.length;
  const out = new Float64Array(x.length);
  for (let start = 0; start < out.length; start += dim) {
    let squares = 0;
    for (let i = 0; i < dim; i++) squares += (x[start + i] as number) ** 2;
    for (let i = 0; i < dim; i++) {
      out[start + i] =
        ((x[start + i] as number) / Math.sqrt(squares / dim + epsilon)) * ((weight[i] as number) + weightOffset);
    }
  }
  return out;
}
