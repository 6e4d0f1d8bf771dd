import { KvfoldError } from "@kvfold/core";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";

/**
 * Checks the operands of a linear layer and counts the rows of x.
 *
 * @throws KvfoldError `linear-shape` when they do not fit
 */
export function checkLinear(x: TensorInfo, inputs: number, outputs: number, bias: TensorInfo | undefined): number {
  const fits =
    x.shape.length >= 1 &&
    x.shape.at(-1) === inputs &&
    (bias === undefined || (bias.shape.length === 1 && bias.shape[0] === outputs));
  if (!fits) {
    throw new KvfoldError(
      "linear-shape",
      `A linear layer of ${inputs} inputs and ${outputs} outputs needs x [..., ${inputs}] and bias [${outputs}] or none; ` +
        `got x [${x.shape}]${bias === undefined ? "" : ` and bias [${bias.shape}]`}.`,
    );
  }
  return util.sizeFromShape(x.shape.slice(0, -1));
}
