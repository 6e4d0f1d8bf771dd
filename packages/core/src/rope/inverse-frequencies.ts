import { checkRopeDescriptor } from "./check-rope-descriptor.js";
import type { Llama3RopeScaling, RopeDescriptor, YarnRopeScaling } from "./rope-descriptor.js";

/** Result of {@link inverseFrequencies}. */
export interface RopeFrequencies {
  /** Radians per position of each pair of channels, `[rotaryDim / 2]`. */
  readonly inverseFrequencies: Float64Array;
  /** Multiplies cos and sin (of q and of k, so scores get its square); 1 except for yarn. */
  readonly attentionScaling: number;
}

/**
 * Rotary frequencies of a model, by the formulas of Hugging Face transformers 4.57 and 5, in double precision.
 *
 * @param length tokens of the whole forward pass, for `dynamic` scaling only; lengths up to `maxPositions` (the
 *   default) give the unscaled frequencies
 * @throws KvfoldError `rope-descriptor` when a field is out of range
 */
export function inverseFrequencies(descriptor: RopeDescriptor, length?: number): RopeFrequencies {
  checkRopeDescriptor(descriptor);
  const { rotaryDim, theta, maxPositions, scaling } = descriptor;
  switch (scaling.type) {
    case "none":
      return { inverseFrequencies: unscaled(theta, rotaryDim), attentionScaling: 1 };
    case "linear":
      return { inverseFrequencies: unscaled(theta, rotaryDim).map((f) => f / scaling.factor), attentionScaling: 1 };
    case "dynamic": {
      const stretch = (scaling.factor * Math.max(length ?? 0, maxPositions)) / maxPositions - (scaling.factor - 1);
      const base = theta * stretch ** (rotaryDim / (rotaryDim - 2));
      return { inverseFrequencies: unscaled(base, rotaryDim), attentionScaling: 1 };
    }
    case "yarn":
      return yarn(descriptor, scaling);
    case "llama3":
      return { inverseFrequencies: unscaled(theta, rotaryDim).map((f) => llama3(f, scaling)), attentionScaling: 1 };
  }
}

function unscaled(theta: number, rotaryDim: number): Float64Array {
  return Float64Array.from({ length: rotaryDim / 2 }, (_, i) => theta ** ((-2 * i) / rotaryDim));
}

function yarn(descriptor: RopeDescriptor, scaling: YarnRopeScaling): RopeFrequencies {
  const { rotaryDim, theta, maxPositions } = descriptor;
  const original = scaling.originalMaxPositions ?? maxPositions;
  // The (fractional) channel pair that turns this often over the original context.
  const pairTurning = (rotations: number) =>
    (rotaryDim * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const truncate = scaling.truncate ?? true;
  const fast = pairTurning(scaling.betaFast ?? 32);
  const slow = pairTurning(scaling.betaSlow ?? 1);
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const high = Math.min(truncate ? Math.ceil(slow) : slow, rotaryDim - 1);
  const width = low === high ? 0.001 : high - low;
  const frequencies = unscaled(theta, rotaryDim).map((frequency, pair) => {
    const divided = Math.min(Math.max((pair - low) / width, 0), 1);
    return (frequency / scaling.factor) * divided + frequency * (1 - divided);
  });
  return { inverseFrequencies: frequencies, attentionScaling: scaling.attentionFactor ?? yarnAttention(scaling) };
}

function yarnAttention({ factor, mscale, mscaleAllDim }: YarnRopeScaling): number {
  const magnitude = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  return mscale && mscaleAllDim ? magnitude(mscale) / magnitude(mscaleAllDim) : magnitude(1);
}

function llama3(frequency: number, scaling: Llama3RopeScaling): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
  const rotations = (originalMaxPositions * frequency) / (2 * Math.PI);
  if (rotations < lowFreqFactor) return frequency / factor;
  if (rotations > highFreqFactor) return frequency;
  const kept = (rotations - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return (1 - kept) * (frequency / factor) + kept * frequency;
}
