import { KvfoldError, packedSupport, type StorageType, storageTypes } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";

/** Storage types that weights can be turned into at load. */
export const packableStorages = ["f32", "bf16", "f16", "q8_0", "q4_0", "q4_1"] as const;

/**
 * How a model's matrices are held in memory. `auto`: as the file stores them where the backend computes on that storage
 * (`native`: mapped, not copied), else as float32 tensors. `dense`: float32 tensors, which training needs. A storage
 * type: packed in it, exactly when the file stores it, else rounded to it at load; `f32` where nothing can be packed is
 * `dense`.
 */
export type WeightStorage = "auto" | "dense" | (typeof packableStorages)[number];

/**
 * The storage type to turn weights into; undefined for `auto` and `dense`.
 *
 * @throws KvfoldError `weights-storage` when there is no such choice, or the backend does not compute on it
 */
export function chosenStorage(weights: WeightStorage): StorageType | undefined {
  const supported = packedSupport()?.storages ?? [];
  if (weights === "auto" || weights === "dense" || (weights === "f32" && supported.length === 0)) return undefined;
  const choices = [
    "auto",
    "dense",
    "f32",
    ...packableStorages.filter((name) => name !== "f32" && supported.includes(name)),
  ];
  if (!choices.includes(weights)) {
    throw new KvfoldError(
      "weights-storage",
      `The backend ${tf.getBackend()} cannot hold weights as '${weights}'; choose one of: ${choices.join(", ")}. ` +
        `Packed weights need the native backend (npm install @kvfold/kernels-cpu).`,
    );
  }
  return storageTypes[weights];
}
