import { KvfoldError } from "../errors/kvfold-error.js";
import type { RopeDescriptor, RopeScaling } from "./rope-descriptor.js";

/** Throws a KvfoldError `rope-descriptor` that names the first field out of range. */
export function checkRopeDescriptor(descriptor: RopeDescriptor): void {
  const { headDim, rotaryDim, theta, maxPositions, scaling } = descriptor;
  requireField("headDim", headDim, Number.isInteger(headDim) && headDim > 0, "a positive whole number");
  const evenPart = Number.isInteger(rotaryDim / 2) && rotaryDim > 0 && rotaryDim <= headDim;
  requireField("rotaryDim", rotaryDim, evenPart, `an even number from 2 to headDim (${headDim})`);
  requireField("theta", theta, Number.isFinite(theta) && theta > 1, "a number above 1");
  const positions = Number.isInteger(maxPositions) && maxPositions > 0;
  requireField("maxPositions", maxPositions, positions, "a positive whole number");
  checkScaling(scaling, rotaryDim);
}

function checkScaling(scaling: RopeScaling, rotaryDim: number): void {
  if (scaling.type === "none") return;
  requireField("factor", scaling.factor, atLeast(scaling.factor, 1), "a number of at least 1");
  if (scaling.type === "dynamic") {
    // The grown base is raised to rotaryDim / (rotaryDim - 2).
    requireField("rotaryDim", rotaryDim, rotaryDim > 2, "above 2 with dynamic scaling");
  }
  if (scaling.type === "yarn") {
    const { originalMaxPositions, attentionFactor, betaFast, betaSlow } = scaling;
    for (const [name, value] of Object.entries({ originalMaxPositions, attentionFactor, betaFast, betaSlow })) {
      requireField(name, value, value === undefined || atLeast(value, Number.MIN_VALUE), "a number above 0, or absent");
    }
    for (const [name, value] of Object.entries({ mscale: scaling.mscale, mscaleAllDim: scaling.mscaleAllDim })) {
      requireField(name, value, value === undefined || atLeast(value, 0), "a number of at least 0, or absent");
    }
  }
  if (scaling.type === "llama3") {
    const { lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
    requireField("lowFreqFactor", lowFreqFactor, atLeast(lowFreqFactor, Number.MIN_VALUE), "a number above 0");
    const higher = Number.isFinite(highFreqFactor) && highFreqFactor > lowFreqFactor;
    requireField("highFreqFactor", highFreqFactor, higher, `a number above lowFreqFactor (${lowFreqFactor})`);
    requireField(
      "originalMaxPositions",
      originalMaxPositions,
      atLeast(originalMaxPositions, 1),
      "a number of at least 1",
    );
  }
}

function atLeast(value: number, least: number): boolean {
  return Number.isFinite(value) && value >= least;
}

function requireField(name: string, value: unknown, fits: boolean, wanted: string): void {
  if (fits) return;
  throw new KvfoldError("rope-descriptor", `The rope descriptor's ${name} must be ${wanted}; it is ${String(value)}.`);
}
