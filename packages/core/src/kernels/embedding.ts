import type * as tf from "@tensorflow/tfjs-core";
import { gatherRows } from "../ops/gather-rows.js";
import { defineKernel } from "./define-kernel.js";

/** Inputs of {@link embedding}. */
export type EmbeddingInputs = {
  /** `[vocab, dim]` */
  table: tf.Tensor2D;
  /** int32 `[...]`, token ids in `[0, vocab)` */
  ids: tf.Tensor;
};

/**
 * Token embedding: `[...ids, dim]`. Takes no attributes. Repeated tokens add up in the table's gradient. Backends do not
 * promise to notice an id outside the table; callers check token ids on the host.
 */
export const embedding = defineKernel<EmbeddingInputs, Record<string, never>, tf.Tensor>({
  name: "KvfoldEmbedding",
  differentiable: ["table"],
  reference: ({ table, ids }) => gatherRows(table, ids),
});
