import { type LayerPolicy, trainingAttention } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { describeGolden, type Golden } from "../../test/golden.js";
import { CacheContent, plainRope, runCache } from "../../test/run-cache.js";
import { tolerances } from "../../test/tolerances.js";
import { dms } from "../dms/dms.js";
import { type DmsOptions, resolveDmsOptions } from "../dms/dms-options.js";
import { dmsTrainingForm } from "../dms/dms-training-form.js";
import { evictionLogits } from "../dms/eviction-logits.js";
import { gumbelSigmoid } from "../relaxations/gumbel-sigmoid.js";
import { hard } from "../relaxations/hard.js";
import type { Relaxation } from "../relaxations/relaxation.js";
import { compressionLoss } from "../training/compression-loss.js";
import { mergedParts } from "../training/decision-statistics.js";
import { distillationLoss } from "../training/distillation-loss.js";
import { ratioSchedule, targetPart } from "../training/ratio-schedule.js";

interface ScheduleCase {
  readonly step: number;
  readonly final_step: number;
  readonly initial_cr: number;
  readonly final_cr: number;
  readonly target_cr: number;
  readonly target_fraction: number;
}

interface LossCase {
  readonly target_cr: number;
  readonly fraction_per_sequence: readonly number[];
  readonly loss: number;
}

/** Decisions by layers that the policy would own; retrofitted models here decide by a borrowed neuron. */
const pending = { tensors: /^adapter\./, reason: "needs eviction adapters, weights of a policy's own" };

describeGolden(
  "dms.safetensors",
  (golden) => {
    const options = (): DmsOptions => ({
      delay: golden.setting("window"),
      logitScale: golden.setting("scale"),
      offset: golden.setting("offset"),
    });
    const inputs = () => ({
      q: golden.tensor("q"),
      k: golden.tensor("k"),
      v: golden.tensor("v"),
      theta: golden.setting("rope_theta"),
    });
    const lanes = () => golden.shape("k").slice(0, 2) as [number, number];

    it("decisions, and which token each of them evicts", () => {
      const { q, k } = inputs();
      const logits = (own: DmsOptions) => evictionLogits(q, k.shape[1], resolveDmsOptions({ ...options(), ...own }));
      const evict = (own: DmsOptions = {}) => tf.cast(tf.greater(logits(own), 0), "int32");
      golden.close("borrowed.logit_raw", logits({}), tolerances.logits);
      golden.exact("borrowed.evict", evict());
      golden.exact("borrowed.evict_of_token", shifted(evict()));
      golden.exact("borrowed.per_layer.evict", evict({ granularity: "layer" }));
    });

    it.each([1, 7, 16, 40])("hard: attention in chunks of %i", (chunk) => {
      const { cache, out } = runCache(dms(options()), inputs(), chunk);
      golden.close("borrowed.hard.out", out, tolerances.states);
      cache.dispose();
    });

    it("hard: the training form with hard decisions", () => {
      golden.close("borrowed.hard.out", train(golden, options(), hard()).out, tolerances.states);
    });

    it("hard: what is kept at every query, token by token, and the slots that overwriting would take", () => {
      const [rows, kvHeads] = lanes();
      const tokens = golden.shape("k")[2] as number;
      const after: CacheContent[] = [];
      runCache(dms(options()), inputs(), 1, (cache) => after.push(new CacheContent(cache))).cache.dispose();
      const all = Array.from({ length: rows * kvHeads }, (_, lane) => lane);
      // entries that no later query sees are freed after the step: what a query sees is what was left, and its own token
      const kept = all.map((lane) => after.map((_, t) => [...(after[t - 1]?.positions(lane) ?? []), t]));
      const steps = kept.map(overwritingSlots);
      golden.exact(
        "borrowed.hard.cache_len",
        kept.flat().map((positions) => positions.length),
      );
      golden.exact(
        "borrowed.hard.kept",
        kept.flat().flatMap((positions) => Array.from({ length: tokens }, (_, j) => (positions.includes(j) ? 1 : 0))),
      );
      golden.exact(
        "borrowed.hard.slot",
        steps.flatMap((lane) => lane.map(({ slot }) => slot)),
      );
      golden.exact(
        "borrowed.hard.overwritten_token",
        steps.flatMap((lane) => lane.map(({ gone }) => gone)),
      );
    });

    it("training form: decisions, mask and output", () => {
      const { out, view } = train(golden, options(), goldenRelaxation(golden));
      const { logits, alpha } = view.auxiliary as Record<"logits" | "alpha", tf.Tensor3D>;
      const noisy = tf.div(tf.add(logits, golden.tensor("noise")), golden.setting("tau"));
      golden.close("borrowed.train.logit", noisy, tolerances.logits);
      golden.close("borrowed.train.prob", alpha, tolerances.decisions);
      golden.exact("borrowed.train.decision", tf.cast(tf.greater(alpha, 0.5), "int32"));
      golden.close("borrowed.train.mask_column", view.columnBias as tf.Tensor, tolerances.logits);
      golden.close("borrowed.train.out", out, tolerances.states);
    });

    it("training form: gradients", () => {
      const upstream = golden.tensor("g_out");
      const loss = (...[q, k, v]: tf.Tensor[]) => {
        const { out } = train(golden, options(), goldenRelaxation(golden), { q, k, v } as Inputs);
        return tf.sum(tf.mul(out, upstream));
      };
      const { q, k, v } = inputs();
      const gradients = tf.grads(loss)([q, k, v]);
      ["d_q", "d_k", "d_v"].forEach((name, i) => {
        golden.closeGradient(`borrowed.train.${name}`, gradients[i] as tf.Tensor);
      });
    });

    it("loss on the decisions", () => {
      const { alpha } = train(golden, options(), goldenRelaxation(golden)).view.auxiliary;
      const ofRow = tf.unstack(alpha as tf.Tensor3D).map((row) => tf.expandDims(row, 0) as tf.Tensor3D);
      const parts = ofRow.map((row) => tf.mean(mergedParts([row])).dataSync()[0] as number);
      const cases = golden.entry.meta.compression_loss_of_borrowed_train_decision as readonly LossCase[];
      for (const { target_cr, fraction_per_sequence, loss } of cases) {
        for (const [row, part] of parts.entries()) expect(part).toBeCloseTo(fraction_per_sequence[row] as number, 6);
        const found = compressionLoss([alpha as tf.Tensor3D], { ratio: target_cr });
        expect(found.dataSync()[0]).toBeCloseTo(loss, 6);
      }
    });

    it.each([
      ["kl.as_documented", "teacher"],
      ["kl.as_coded", "student"],
    ] as const)("distillation, %s", (name, over) => {
      const flat = (x: tf.Tensor) => tf.reshape(x, [-1, x.shape.at(-1) as number]) as tf.Tensor2D;
      const teacher = flat(golden.tensor("kl.teacher_logits"));
      const weights = tf.reshape(tf.cast(golden.tensor("kl.loss_mask"), "float32"), [-1]) as tf.Tensor1D;
      const { value, grad } = tf.valueAndGrad((student) =>
        distillationLoss({ student: flat(student), teacher, weights, over }),
      )(golden.tensor("kl.student_logits"));
      golden.close(name, tf.reshape(value, [1]), tolerances.logits);
      golden.closeGradient(`${name}.d_student`, grad);
    });

    it("schedule of the ratio", () => {
      const cases = golden.entry.meta.cr_schedule as readonly ScheduleCase[];
      for (const { step, final_step, initial_cr, final_cr, target_cr, target_fraction } of cases) {
        const ratio = ratioSchedule({ from: initial_cr, to: final_cr, steps: final_step })(step);
        expect(ratio).toBeCloseTo(target_cr, 12);
        expect(targetPart(ratio)).toBeCloseTo(target_fraction, 12);
      }
    });
  },
  pending,
);

interface Inputs {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
}

/** The relaxation of the goldens, with their noise. */
function goldenRelaxation(golden: Golden): Relaxation {
  return gumbelSigmoid({ temperature: golden.setting("tau"), noise: () => golden.tensor<tf.Tensor3D>("noise") });
}

/** Attention in the training form, and the form's own view. */
function train(golden: Golden, options: DmsOptions, relaxation: Relaxation, inputs?: Inputs) {
  const { q, k, v } = inputs ?? { q: golden.tensor("q"), k: golden.tensor("k"), v: golden.tensor("v") };
  const [rows, queryHeads, tokens, headDim] = q.shape;
  const shape = { layer: 0, layers: 1, queryHeads, kvHeads: k.shape[1], headDim };
  const training = dmsTrainingForm(resolveDmsOptions(options), shape, relaxation);
  const policy: LayerPolicy = { ...dms(options).forLayer(shape), training };
  const rope = plainRope(headDim, golden.setting("rope_theta"), tokens);
  const { out } = trainingAttention(policy, { q, k, v, rope });
  const zeros = tf.zeros([rows, tokens], "int32") as tf.Tensor2D;
  return { out, view: training({ q, k, v, positions: zeros, documents: zeros, seed: 0, step: 0, sequence: 0 }) };
}

/** The decision at token j + 1, at token j; the last token is decided by none. */
function shifted(x: tf.Tensor): tf.Tensor {
  const [, , tokens] = x.shape as [number, number, number];
  return tf.pad(tf.slice(x, [0, 0, 1], [-1, -1, tokens - 1]), [
    [0, 0],
    [0, 0],
    [0, 1],
  ]);
}

/**
 * Where the released cache writes each token: the slot of the token that left with the step, else a new one.
 *
 * @param kept positions kept at each query of a lane
 */
function overwritingSlots(kept: readonly (readonly number[])[]): { slot: number; gone: number }[] {
  const slots: number[] = [];
  return kept.map((positions, t) => {
    const gone = kept[t - 1]?.find((position) => !positions.includes(position)) ?? -1;
    const slot = gone < 0 ? slots.length : slots.indexOf(gone);
    slots[slot] = t;
    return { slot, gone };
  });
}
