import { type CachePolicy, full } from "@kvfold/kv-cache";
import { dmc, folds } from "../dmc.js";
import { type DmcOptions, refuse, resolveDmcOptions } from "../dmc-options.js";
import { dmcTrainingForm } from "../dmc-training-form.js";
import type { Relaxation } from "../relaxations/relaxation.js";

/**
 * The policy of {@link dmc} whose training forms relax decisions as given, for `trainingAttention`; caches made with it
 * decide as at inference. Layers that do not fold train as ordinary attention and give no auxiliary values.
 *
 * @throws KvfoldError `dmc-options` for options out of range, or with `force`, which has nothing to learn
 */
export function dmcForTraining(options: DmcOptions, relaxation: Relaxation): CachePolicy {
  const resolved = resolveDmcOptions(options);
  if (resolved.force !== undefined) refuse("dmc force makes the decisions itself: leave it out to train them.");
  const policy = dmc(options);
  return {
    ...policy,
    forLayer: (shape) =>
      folds(resolved, shape)
        ? { ...policy.forLayer(shape), training: dmcTrainingForm(resolved, shape, relaxation) }
        : full().forLayer(shape),
  };
}
