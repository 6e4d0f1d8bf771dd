import { KvfoldError } from "@kvfold/core";
import type { TensorSource } from "../weights/tensor-source.js";
import type { MegatronArgs } from "./megatron-args.js";

/**
 * Stage one fades the decision neurons out while their weights still hold other things, and sets the weights to 0 only in
 * `final_output`. Read as decisions before that they would merge tokens at random.
 *
 * @throws KvfoldError `megatron-unsupported` when a decision neuron has a weight other than 0
 */
export function checkStageOne(source: TensorSource, { layers, queryHeads, kvHeads, headDim }: MegatronArgs): void {
  for (let layer = 0; layer < layers; layer++) {
    for (const [name, heads] of [
      ["q_proj", queryHeads],
      ["k_proj", kvHeads],
    ] as const) {
      for (let head = 0; head < heads; head++) {
        const row = (head + 1) * headDim - 1;
        const weights = source.readRowsFloat32(`model.layers.${layer}.self_attn.${name}.weight`, row, 1);
        if (weights.every((weight) => weight === 0)) continue;
        throw new KvfoldError(
          "megatron-unsupported",
          `${source.path} was saved during DMC's first stage, whose decision neurons still have weights (layer ${layer}, ` +
            `${name}, head ${head}). Convert the checkpoint in its folder final_output, or one of a later stage.`,
        );
      }
    }
  }
}
