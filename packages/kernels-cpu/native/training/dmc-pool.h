// DMC's averages for training: the loop over lanes around kernels/dmc-pool.h.
#pragma once
#include "../kernels/dmc-pool.h"

namespace kvfold {

/** `task` and the results are of the first lane; lanes follow one another. @returns false when there is no memory */
bool dmcPool(const DmcPoolTask& task, int64_t lanes, float* pooled, float* z);

bool dmcPoolGradient(const DmcPoolTask& task, int64_t lanes, const DmcPoolPull& pull);

}  // namespace kvfold
