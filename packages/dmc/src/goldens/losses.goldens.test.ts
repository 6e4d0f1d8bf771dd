import { full, trainingAttention } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { describeGolden, type Golden } from "../../test/golden.js";
import { plainRope } from "../../test/run-cache.js";
import { tolerances } from "../../test/tolerances.js";
import { dmc } from "../dmc.js";
import { blankingFactor } from "../training/blanking-factor.js";
import { compressionLoss } from "../training/compression-loss.js";
import { decisionStatistics, mergedParts } from "../training/decision-statistics.js";
import { ratioSchedule, targetPart } from "../training/ratio-schedule.js";

interface LossCase {
  readonly name: string;
  readonly target_cr: number;
  readonly alpha_star: number;
  readonly loss_per_sequence: number;
  readonly loss_global: number;
  readonly measured_cr: number;
}

interface RatioCase {
  readonly iteration: number | null;
  readonly train_iters: number;
  readonly final_cr: number;
  readonly fixed: boolean;
  readonly target_cr: number;
  readonly alpha_star: number;
}

describeGolden("losses.safetensors", (golden) => {
  const table = <T>(name: string) => golden.entry.meta[name] as readonly T[];

  it("hard decisions of noisy logits, their ratio", () => {
    const alpha = layersOf(tf.sigmoid(golden.tensor("noisy_logits")));
    golden.exact("decisions", tf.stack(alpha.map((layer) => tf.cast(tf.greater(layer, 0.5), "float32"))));
    const tokens = golden.shape("noisy_logits")[3] as number;
    const { ratio } = decisionStatistics([mergedParts(alpha).arraySync()], tokens);
    for (const { measured_cr } of table<LossCase>("cases")) expect(ratio).toBeCloseTo(measured_cr, 5);
  });

  it.each(["sequence", "global"] as const)("loss and gradient, scope %s", (scope) => {
    const suffix = scope === "global" ? "d_logits_global" : "d_logits_per_sequence";
    for (const { name, target_cr, alpha_star, ...losses } of table<LossCase>("cases")) {
      expect(targetPart(target_cr)).toBeCloseTo(alpha_star, 12);
      const { value, grad } = tf.valueAndGrad((logits) =>
        compressionLoss(layersOf(tf.sigmoid(logits)), { ratio: target_cr, scope }),
      )(golden.tensor("noisy_logits"));
      const expected = scope === "global" ? losses.loss_global : losses.loss_per_sequence;
      expect(value.dataSync()[0]).toBeCloseTo(expected, 6);
      golden.closeGradient(`${name}.${suffix}`, grad);
    }
  });

  it("schedule of the ratio", () => {
    for (const { iteration, train_iters, final_cr, fixed, ...expected } of table<RatioCase>("cr_schedule")) {
      if (iteration === null) continue; // before training starts there is no step to ask for
      const ratio = ratioSchedule({ to: final_cr, steps: fixed ? 0 : train_iters })(iteration);
      expect(ratio).toBeCloseTo(expected.target_cr, 12);
      expect(targetPart(ratio)).toBeCloseTo(expected.alpha_star, 12);
    }
  });

  it("stage 1: multipliers", () => {
    const rows = golden.entry.meta.stage1_multiplier as readonly Record<string, number>[];
    expect(rows.length).toBeGreaterThan(0);
    for (const { iteration = 0, train_iters = 0, multiplier } of rows) {
      expect(blankingFactor(iteration, train_iters)).toBeCloseTo(multiplier as number, 12);
    }
  });

  it.each(golden.cases(/^stage1\.(iter\d+_of_\d+)\.out$/))("stage 1: attention at %s", (name) => {
    const [step, steps] = (name.match(/\d+/g) ?? []).map(Number) as [number, number];
    golden.close(`stage1.${name}.out`, stageOne(golden, blankingFactor(step, steps)), tolerances.states);
  });
});

/** `[layers, rows, kvHeads, tokens]` as one tensor a layer. */
function layersOf(x: tf.Tensor): tf.Tensor3D[] {
  return tf.unstack(x) as tf.Tensor3D[];
}

/** Ordinary attention with what is left of DMC's neuron. */
function stageOne(golden: Golden, borrowedFactor: number): tf.Tensor4D {
  const [q, k, v] = [golden.tensor("stage1.q"), golden.tensor("stage1.k"), golden.tensor("stage1.v")];
  const [, queryHeads, tokens, headDim] = q.shape;
  const shape = { layer: 0, layers: 1, queryHeads, kvHeads: k.shape[1], headDim };
  const { borrowed } = dmc().forLayer(shape).traits;
  if (borrowed === undefined) throw new Error("dmc borrows no channel");
  const rope = plainRope(headDim, 10000, tokens);
  return trainingAttention(full().forLayer(shape), { q, k, v, rope, borrowed, borrowedFactor }).out;
}
