import { full } from "@kvfold/kv-cache";
import type { TrainingMethod } from "./method.js";

/** Next-token training alone: pre-training, and uptraining after KV heads were pooled. */
export function plainMethod(stage: "pretrain" | "uptrain"): TrainingMethod {
  const policy = full();
  return {
    at: () => ({ stage, policy }),
    compressionLoss: () => undefined,
    merged: () => undefined,
    enter: () => false,
    retrofit: undefined,
    inference: () => policy,
  };
}
