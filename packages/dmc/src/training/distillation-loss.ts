import { divergence } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";

/** Inputs of {@link distillationLoss}. */
export interface DistillationLossInputs {
  /** Logits of the model that learns, `[positions, vocab]`. */
  readonly student: tf.Tensor2D;
  /** Logits of the model that it learns from, `[positions, vocab]`; receive no gradient. */
  readonly teacher: tf.Tensor2D;
  /** What each position counts, `[positions]`. Default: all 1. */
  readonly weights?: tf.Tensor1D | undefined;
  /** What the weighted sum is divided by. Default: the sum of the weights. */
  readonly totalWeight?: number | undefined;
  /**
   * `teacher`, KL(teacher || student): the student must cover all that the teacher would say. `student`,
   * KL(student || teacher): what the released code of DMS computes, though it calls it by the other's name. Default
   * `teacher`.
   */
  readonly over?: "teacher" | "student";
}

/** Divergence of a student's next-token distributions from its teacher's in nats, weighted mean over positions. */
export function distillationLoss(inputs: DistillationLossInputs): tf.Scalar {
  const { student, teacher, weights, totalWeight, over = "teacher" } = inputs;
  const each = divergence(over === "teacher" ? { from: teacher, to: student } : { from: student, to: teacher });
  const sum = tf.sum(weights === undefined ? each : tf.mul(each, weights));
  const total = totalWeight ?? (weights === undefined ? student.shape[0] : tf.sum(weights));
  return tf.div(sum, total) as tf.Scalar;
}
