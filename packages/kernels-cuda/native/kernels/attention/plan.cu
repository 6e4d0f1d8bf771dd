#include "plan-tiles.h"

extern "C" __global__ void __launch_bounds__(kvfold::attentionPlanThreads)
    kvfold_attention_plan(const kvfold::AttentionPlanArgs args) {
  __shared__ int scratch[33];
  kvfold::planTiles(args, scratch);
}
KVFOLD_KERNEL(kvfold_attention_plan, kvfold::AttentionPlanArgs)
