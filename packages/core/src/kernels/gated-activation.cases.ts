import { kernelSuite } from "../testing/kernel-suite.js";
import { seeded } from "../testing/seeded.js";
import type { Activation } from "./activation.js";
import { gatedActivation } from "./gated-activation.js";
import { gatedActivationGradient } from "./gated-activation-gradient.js";

const activations: readonly Activation[] = ["silu", "gelu-tanh", "gelu"];

const shapes = [
  { title: "a vector", shape: [8] },
  { title: "odd sizes", shape: [3, 7, 5] },
  { title: "large and small gates", shape: [2, 67], scale: 6 },
  { title: "nothing", shape: [0, 4] },
];

function inputs(shape: number[], scale = 1) {
  const numbers = seeded(shape.length);
  return { gate: numbers.normal(shape, scale), up: numbers.normal(shape) };
}

const examples = shapes.flatMap(({ title, shape, scale }) =>
  activations.map((activation) => ({
    title: `${activation}, ${title}`,
    inputs: () => inputs(shape, scale),
    attrs: { activation },
  })),
);

/** Conformance cases of {@link gatedActivation}. */
export const gatedActivationCases = kernelSuite(gatedActivation, examples);

/** Conformance cases of {@link gatedActivationGradient}. */
export const gatedActivationGradientCases = kernelSuite(
  gatedActivationGradient,
  examples.map((example) => ({
    ...example,
    inputs: () => {
      const given = example.inputs();
      return { ...given, dy: seeded(9).normal(given.gate.shape) };
    },
  })),
);
