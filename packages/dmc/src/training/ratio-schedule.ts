import { KvfoldError } from "@kvfold/core";

/** Options of {@link ratioSchedule}. */
export interface RatioScheduleOptions {
  /** Ratio at step 0, tokens per entry. Default 1. */
  readonly from?: number;
  /** Ratio at the end, tokens per entry. */
  readonly to: number;
  /** Steps of the ramp; 0: `to` at once. */
  readonly steps: number;
  /**
   * What rises evenly. `ratio`: tokens per entry, as in the paper; half of all merges of a ramp to 8 are then asked for in
   * its first seventh. `merges`: the part of tokens that merge, 1 - 1 / ratio; the last doubling of a ramp to 8 then takes a
   * seventh. `doublings`: each doubling of the ratio takes as long. Default `ratio`.
   */
  readonly rises?: "ratio" | "merges" | "doublings";
}

/**
 * The compression ratio that a retrofit asks for at a step of its ramp: from + (to - from) min(1, step / steps), or the same
 * between the parts of merging tokens or the logarithms of the ratios.
 *
 * @returns tokens per entry at a step, counted from the ramp's first
 * @throws KvfoldError `dmc-options` for ratios below 1 or a negative number of steps
 */
export function ratioSchedule({
  from = 1,
  to,
  steps,
  rises = "ratio",
}: RatioScheduleOptions): (step: number) => number {
  if (!(from >= 1 && to >= 1 && Number.isFinite(from) && Number.isFinite(to) && steps >= 0)) {
    throw new KvfoldError(
      "dmc-options",
      `A ratio schedule wants ratios of at least 1 and steps from 0; got ${from} to ${to} in ${steps} steps.`,
    );
  }
  const done = (step: number) => (steps === 0 ? 1 : Math.min(1, Math.max(0, step) / steps));
  if (rises === "ratio") return (step) => from + (to - from) * done(step);
  if (rises === "doublings") return (step) => from * (to / from) ** done(step);
  return (step) => 1 / (1 / from + (1 / to - 1 / from) * done(step));
}

/**
 * Part of tokens that must merge (or be evicted) for a ratio: 1 - 1 / ratio.
 *
 * @throws KvfoldError `dmc-options` for a ratio below 1
 */
export function targetPart(ratio: number): number {
  if (!(ratio >= 1)) throw new KvfoldError("dmc-options", `A compression ratio is at least 1; got ${ratio}.`);
  return 1 - 1 / ratio;
}
