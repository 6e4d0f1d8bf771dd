import { type LayerPolicy, trainingAttention } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { describeGolden, type Golden } from "../../test/golden.js";
import { CacheContent, plainRope, runCache } from "../../test/run-cache.js";
import { tolerances } from "../../test/tolerances.js";
import { dms } from "../dms/dms.js";
import { type DmsOptions, resolveDmsOptions } from "../dms/dms-options.js";
import { dmsTrainingForm } from "../dms/dms-training-form.js";
import { adapterLogits, type EvictionAdapter } from "../dms/eviction-adapter.js";
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

describeGolden("dms.safetensors", (golden) => {
  const options = (): DmsOptions => ({
    delay: golden.setting("window"),
    logitScale: golden.setting("scale"),
    offset: golden.setting("offset"),
  });
  const inputs = () => ({
    q: golden.tensor("q"),
    k: golden.tensor("k"),
    v: golden.tensor("v"),
    input: golden.tensor<tf.Tensor3D>("adapter.hidden"),
    theta: golden.setting("rope_theta"),
  });

  /** Per case, what decides: a neuron that the model gave away, or an adapter with the golden's weights. */
  const cases = {
    borrowed: { options: {} as DmsOptions, adapters: (): EvictionAdapter[] | undefined => undefined },
    adapter: { options: { decisions: "adapter" } as DmsOptions, adapters: () => [goldenAdapter(golden)] },
  };

  describe.each(["borrowed", "adapter"] as const)("%s", (name) => {
    const own = (more: DmsOptions = {}): DmsOptions => ({ ...options(), ...cases[name].options, ...more });
    const policy = () => dms(own(), cases[name].adapters());
    const logitTolerance = name === "adapter" ? tolerances.adapterLogits : tolerances.logits;

    it("decisions, and which token each of them evicts", () => {
      const { q, k, input } = inputs();
      const logits = (more: DmsOptions = {}) => {
        const resolved = resolveDmsOptions(own(more));
        const [adapter] = cases[name].adapters() ?? [];
        return adapter ? adapterLogits(input, adapter, resolved) : evictionLogits(q, k.shape[1], resolved);
      };
      const evict = (more?: DmsOptions) => tf.cast(tf.greater(logits(more), 0), "int32");
      golden.close(`${name}.logit_raw`, logits(), logitTolerance);
      golden.exact(`${name}.evict`, evict());
      golden.exact(`${name}.evict_of_token`, shifted(evict()));
      if (name === "borrowed") golden.exact("borrowed.per_layer.evict", evict({ granularity: "layer" }));
    });

    it.each([1, 7, 16, 40])("hard: attention in chunks of %i", (chunk) => {
      const { cache, out } = runCache(policy(), inputs(), chunk);
      golden.close(`${name}.hard.out`, out, tolerances.states);
      cache.dispose();
    });

    it("hard: the training form with hard decisions", () => {
      const { out } = train(golden, { options: own(), adapters: cases[name].adapters(), relaxation: hard() });
      golden.close(`${name}.hard.out`, out, tolerances.states);
    });

    it("hard: what is kept at every query, token by token, and the slots that overwriting would take", () => {
      const [rows, kvHeads] = golden.shape("k") as [number, number];
      const tokens = golden.shape("k")[2] as number;
      const after: CacheContent[] = [];
      runCache(policy(), inputs(), 1, (cache) => after.push(new CacheContent(cache))).cache.dispose();
      const all = Array.from({ length: rows * kvHeads }, (_, lane) => lane);
      // entries that no later query sees are freed after the step: what a query sees is what was left, and its own token
      const kept = all.map((lane) => after.map((_, t) => [...(after[t - 1]?.positions(lane) ?? []), t]));
      const steps = kept.map(overwritingSlots);
      golden.exact(
        `${name}.hard.cache_len`,
        kept.flat().map((positions) => positions.length),
      );
      const held = (positions: readonly number[]) =>
        Array.from({ length: tokens }, (_, j) => (positions.includes(j) ? 1 : 0));
      if (name === "borrowed") golden.exact("borrowed.hard.kept", kept.flat().flatMap(held));
      golden.exact(
        `${name}.hard.slot`,
        steps.flatMap((lane) => lane.map(({ slot }) => slot)),
      );
      golden.exact(
        `${name}.hard.overwritten_token`,
        steps.flatMap((lane) => lane.map(({ gone }) => gone)),
      );
    });

    it("training form: decisions, mask and output", () => {
      const relaxation = goldenRelaxation(golden);
      const { out, view } = train(golden, { options: own(), adapters: cases[name].adapters(), relaxation });
      const { logits, alpha } = view.auxiliary as Record<"logits" | "alpha", tf.Tensor3D>;
      const noisy = tf.div(tf.add(logits, golden.tensor("noise")), golden.setting("tau"));
      golden.close(`${name}.train.logit`, noisy, logitTolerance);
      golden.close(`${name}.train.prob`, alpha, tolerances.decisions);
      golden.exact(`${name}.train.decision`, tf.cast(tf.greater(alpha, 0.5), "int32"));
      golden.close(`${name}.train.mask_column`, view.columnBias as tf.Tensor, logitTolerance);
      golden.close(`${name}.train.out`, out, tolerances.states);
    });

    it("training form: gradients", () => {
      const upstream = golden.tensor("g_out");
      const adapter = cases[name].adapters()?.[0];
      const loss = (...[q, k, v, weight]: tf.Tensor[]) => {
        const adapters = adapter && [{ ...adapter, weight: weight as tf.Tensor2D }];
        const setup = { options: own(), adapters, relaxation: goldenRelaxation(golden) };
        return tf.sum(tf.mul(train(golden, setup, { q, k, v } as Heads).out, upstream));
      };
      const { q, k, v } = inputs();
      const gradients = tf.grads(loss)([q, k, v, ...(adapter ? [adapter.weight] : [])]);
      ["d_q", "d_k", "d_v", ...(adapter ? ["d_adapter_weight"] : [])].forEach((of, i) => {
        golden.closeGradient(`${name}.train.${of}`, gradients[i] as tf.Tensor);
      });
    });
  });

  it("loss on the decisions", () => {
    const { alpha } = train(golden, { options: options(), relaxation: goldenRelaxation(golden) }).view.auxiliary;
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
});

/** Inputs of attention that gradients are taken in. */
interface Heads {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
}

/** The relaxation of the goldens, with their noise. */
function goldenRelaxation(golden: Golden): Relaxation {
  return gumbelSigmoid({ temperature: golden.setting("tau"), noise: () => golden.tensor<tf.Tensor3D>("noise") });
}

/** Weights of the golden's adapter, for its only layer. */
function goldenAdapter(golden: Golden): EvictionAdapter {
  const epsilon = 1e-6; // the golden set's README
  return { norm: golden.tensor("adapter.norm_weight"), epsilon, weight: golden.tensor("adapter.weight") };
}

interface Setup {
  readonly options: DmsOptions;
  readonly adapters?: readonly EvictionAdapter[] | undefined;
  readonly relaxation: Relaxation;
}

/** Attention in the training form, and the form's own view. */
function train(golden: Golden, { options, adapters, relaxation }: Setup, heads?: Heads) {
  const { q, k, v } = heads ?? { q: golden.tensor("q"), k: golden.tensor("k"), v: golden.tensor("v") };
  const [rows, queryHeads, tokens, headDim] = q.shape;
  const shape = { layer: 0, layers: 1, queryHeads, kvHeads: k.shape[1], headDim };
  const input = golden.tensor<tf.Tensor3D>("adapter.hidden");
  const training = dmsTrainingForm(resolveDmsOptions(options), shape, relaxation, adapters?.[0]);
  const policy: LayerPolicy = { ...dms(options, adapters).forLayer(shape), training };
  const rope = plainRope(headDim, golden.setting("rope_theta"), tokens);
  const { out } = trainingAttention(policy, { q, k, v, input, rope });
  const zeros = tf.zeros([rows, tokens], "int32") as tf.Tensor2D;
  return { out, view: training({ q, k, v, input, positions: zeros, documents: zeros, seed: 0, step: 0, sequence: 0 }) };
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
