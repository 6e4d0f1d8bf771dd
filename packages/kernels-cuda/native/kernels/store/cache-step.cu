#include "cache-step.h"

extern "C" __global__ void __launch_bounds__(32 * kvfold::cacheStepLanes, 1) kvfold_append_step(const kvfold::CacheStepArgs args) {
  kvfold::cacheStep<false>(args);
}
KVFOLD_KERNEL(kvfold_append_step, kvfold::CacheStepArgs)

extern "C" __global__ void __launch_bounds__(32 * kvfold::cacheStepLanes, 1) kvfold_dmc_step(const kvfold::CacheStepArgs args) {
  kvfold::cacheStep<true>(args);
}
KVFOLD_KERNEL(kvfold_dmc_step, kvfold::CacheStepArgs)
