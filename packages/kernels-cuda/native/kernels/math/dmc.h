// Dynamic Memory Compression's rules for one token (Nawrot et al. 2024).
#pragma once
#include "../device/platform.h"

namespace kvfold {

/** Smallest weight: a sigmoid may underflow, and a segment of zero weights has no average. */
constexpr float leastOmega = 1e-30f;

KVFOLD_HOST_DEVICE bool dmcMerges(float neuron, float offset, float edge) { return neuron - offset > edge; }

KVFOLD_HOST_DEVICE float sigmoid(float x) {
#if defined(__CUDA_ARCH__)
  return __fdividef(1, 1 + __expf(-x));
#else
  return 1 / (1 + expf(-x));
#endif
}

/** @param importance mean of the queries' neuron over the group */
KVFOLD_HOST_DEVICE float dmcOmega(float importance, float offset, float epsilon) {
  const float omega = sigmoid(importance + offset) + epsilon;
  return omega > leastOmega ? omega : leastOmega;
}

/** Products of relaxed decisions below this count as 0, so that chains end. */
constexpr float leastReach = 7.888609052210118e-31f;  // 2^-100
KVFOLD_HOST_DEVICE float reached(float product) { return product < leastReach ? 0 : product; }

}  // namespace kvfold
