#include "dmc-pool.h"

#include "dmc-pool-parts.h"

namespace kvfold::KVFOLD_ISA {

// dmc-pool-gradient.cc
void pullPool(const DmcPoolTask& task, const DmcPoolPull& pull, float* memory);

namespace {

/** `pooled` holds the averages, so the recurrence is that of averages: no sum is kept beside them. */
void poolAll(const DmcPoolTask& task, float* pooled, float* z) {
  const int64_t dim = task.dim;
  float before = 0;
  for (int64_t t = 0; t < task.tokens; t++) {
    const float kept = t == 0 ? 0 : reached(task.alpha[t]) * before, omega = task.omega[t];
    const float* item = task.items + t * dim;
    float* row = pooled + t * dim;
    before = z[t] = kept + omega;
    const float share = 1 / before;
    combine(omega * share, item, kept * share, t == 0 ? item : row - dim, dim, row);
  }
}

void pool(const DmcPoolTask& task, float* pooled, float* z, float* memory) {
  if (task.window >= task.tokens) {
    poolAll(task, pooled, z);
    return;
  }
  float* const chain = memory;
  float* const weights = chain + task.tokens;
  fillChain(task, chain);
  for (int64_t t = 0; t < task.tokens; t++) {
    const int64_t count = fillReach(task, chain, t, weights);
    float total = 0;
    for (int64_t m = 0; m < count; m++) total += weights[m] *= task.omega[t - m];
    z[t] = total;
    sumRows(task.items + t * task.dim, -task.dim, weights, count, 1 / total, task.dim, pooled + t * task.dim);
  }
}

}  // namespace

extern const DmcPoolKernels dmcPoolKernels;
const DmcPoolKernels dmcPoolKernels = {pool, pullPool};

}  // namespace kvfold::KVFOLD_ISA
