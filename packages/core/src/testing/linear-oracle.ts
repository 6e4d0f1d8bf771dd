/** `x [rows, in]` times the transpose of `weight [out, in]`, plus bias, in plain loops; `[rows, out]`. */
export function linearOracle(
  x: ArrayLike<number> = [],
  weight: ArrayLike<number> = [],
  inputs = 1,
  bias?: ArrayLike<number>,
): Float64Array {
  const outputs = weight.length / inputs;
  const rows = x.length / inputs;
  const out = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    for (let o = 0; o < outputs; o++) {
      let sum = bias?.[o] ?? 0;
      for (let i = 0; i < inputs; i++) sum += (x[row * inputs + i] as number) * (weight[o * inputs + i] as number);
      out[row * outputs + o] = sum;
    }
  }
  return out;
}
