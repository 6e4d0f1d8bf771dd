import { KvfoldError, type PackedWeight } from "@kvfold/core";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { PackedLayerArgs } from "../native-addon.js";
import type { NativeBackend } from "../native-backend.js";
import { weightFormatIndex, weightFormats } from "../weight-format.js";

/**
 * A packed layer as the addon's entry points take it.
 *
 * @throws KvfoldError `weight-format` for a storage type that the kernels do not compute on
 */
export function packedLayer(
  backend: NativeBackend,
  weight: PackedWeight,
  bias: TensorInfo | undefined,
): PackedLayerArgs {
  const format = weightFormatIndex(weight.storage);
  if (format === undefined) {
    throw new KvfoldError(
      "weight-format",
      `The native backend has no product for weights in ${weight.storage}; it has: ${weightFormats.join(", ")}.`,
    );
  }
  return [format, weight.bytes, bias === undefined ? undefined : backend.floats(bias), weight.shape[0]];
}
