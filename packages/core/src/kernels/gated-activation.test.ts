import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { describeOracle, type HostArray } from "../testing/describe-oracle.js";
import { expectClose } from "../testing/expect-close.js";
import { activationOracles } from "../testing/gated-mlp-oracle.js";
import { seeded } from "../testing/seeded.js";
import { gatedActivationCases } from "./gated-activation.cases.js";
import { type GatedActivationAttrs, gatedActivation } from "./gated-activation.js";
import { gatedActivationGradient } from "./gated-activation-gradient.js";

describeOracle<GatedActivationAttrs>(gatedActivationCases, (inputs, { activation }) => {
  const { gate, up } = inputs as Record<"gate" | "up", HostArray>;
  return [gate.values.map((value, i) => activationOracles[activation](value) * (up.values[i] as number))];
});

describe("gatedActivationGradient", () => {
  it.each(["silu", "gelu-tanh", "gelu"] as const)("is what TensorFlow.js derives, for %s", async (activation) => {
    await tf.setBackend("cpu");
    const numbers = seeded(2);
    const [gate, up, dy] = [numbers.normal([4, 50], 4), numbers.normal([4, 50]), numbers.normal([4, 50])];
    const derived = tf.grads((g, u) => gatedActivation.reference({ gate: g, up: u }, { activation }))([gate, up], dy);
    const given = gatedActivationGradient({ gate, up, dy }, { activation });
    given.forEach((gradient, i) => {
      expectClose(gradient.dataSync<"float32">(), (derived[i] as tf.Tensor).dataSync<"float32">(), 1e-5);
    });
  });
});

describe("gatedActivation", () => {
  it("names shapes that differ", () => {
    expect(() => gatedActivation({ gate: tf.zeros([2, 3]), up: tf.zeros([3, 2]) }, { activation: "silu" })).toThrow(
      "gate and up of a gated MLP differ in shape",
    );
  });
});
