import type { Activation } from "../kernels/activation.js";
import { linearOracle } from "./linear-oracle.js";

/** Weights `[out, in]` and biases of {@link gatedMlpOracle}. */
export interface GatedMlpOracleWeights {
  readonly gate: ArrayLike<number>;
  readonly up: ArrayLike<number>;
  readonly down: ArrayLike<number>;
  readonly gateBias?: ArrayLike<number> | undefined;
  readonly upBias?: ArrayLike<number> | undefined;
  readonly downBias?: ArrayLike<number> | undefined;
}

/** A gated MLP over `x [rows, dim]` in plain loops and double precision. */
export function gatedMlpOracle(
  x: ArrayLike<number>,
  dim: number,
  weights: GatedMlpOracleWeights,
  activation: Activation,
): Float64Array {
  const hidden = weights.gate.length / dim;
  const gate = linearOracle(x, weights.gate, dim, weights.gateBias);
  const up = linearOracle(x, weights.up, dim, weights.upBias);
  const gated = gate.map((value, i) => activationOracles[activation](value) * (up[i] as number));
  return linearOracle(gated, weights.down, hidden, weights.downBias);
}

/** Activations of one number in double precision. */
export const activationOracles: Record<Activation, (x: number) => number> = {
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => x * normalCdf(x),
  "gelu-tanh": (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};

/** Distribution function of the standard normal by its series around 0, which converges for all x. */
function normalCdf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (x * x) / (2 * n + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
