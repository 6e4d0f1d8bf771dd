import type { StartEvent, StepEvent } from "./training-event.js";

/** A start event for tests. */
export function startEvent(changes: Partial<StartEvent> = {}): StartEvent {
  return {
    type: "start",
    step: 0,
    steps: 500,
    parameters: 4_262_144,
    tokensPerStep: 4096,
    backend: "native",
    ...changes,
  };
}

/** A step event of a retrofit for tests: 4 layers of 2 heads, of which the later ones merge more. */
export function stepEvent(changes: Partial<StepEvent> = {}): StepEvent {
  return {
    type: "step",
    step: 100,
    steps: 500,
    stage: "ramp",
    loss: 3.5,
    crossEntropy: 3.25,
    compressionLoss: 0.25,
    targetRatio: 2,
    ratio: 1.9,
    merged: [
      [0, 0],
      [0.25, 0.5],
      [0.5, 0.75],
      [0.9, 1],
    ],
    learningRate: 1e-3,
    gradientNorm: 0.5,
    tokens: 409_600,
    tokensPerSecond: 2500,
    mfu: 0.41,
    secondsLeft: 655,
    ...changes,
  };
}
