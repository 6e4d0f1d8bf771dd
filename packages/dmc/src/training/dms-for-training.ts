import { type CachePolicy, full } from "@kvfold/kv-cache";
import { dms, evicts } from "../dms/dms.js";
import { type DmsOptions, refuse, resolveDmsOptions } from "../dms/dms-options.js";
import { dmsTrainingForm } from "../dms/dms-training-form.js";
import { adapterOf, type EvictionAdapter } from "../dms/eviction-adapter.js";
import type { Relaxation } from "../relaxations/relaxation.js";

/**
 * The policy of {@link dms} whose training forms relax decisions as given, for `trainingAttention`; caches made with it
 * decide as at inference. Layers that do not evict train as ordinary attention and give no auxiliary values.
 *
 * @param adapters one for each layer, with `decisions: "adapter"`; gradients flow into their tensors
 * @throws KvfoldError `dms-options` for options out of range, or with `force`, which has nothing to learn
 */
export function dmsForTraining(
  options: DmsOptions,
  relaxation: Relaxation,
  adapters?: readonly EvictionAdapter[],
): CachePolicy {
  const resolved = resolveDmsOptions(options);
  if (resolved.force !== undefined) refuse("dms force makes the decisions itself: leave it out to train them.");
  const policy = dms(options, adapters);
  return {
    ...policy,
    forLayer: (shape) =>
      evicts(resolved, shape)
        ? {
            ...policy.forLayer(shape),
            training: dmsTrainingForm(resolved, shape, relaxation, adapterOf(resolved, adapters, shape)),
          }
        : full().forLayer(shape),
  };
}
