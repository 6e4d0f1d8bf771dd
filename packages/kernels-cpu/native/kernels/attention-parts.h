// What the two sources of attention kernels share.
#pragma once
#include "attention.h"
#include "simd-exp.h"

namespace kvfold::KVFOLD_ISA {

// attention-block.cc
void attendBlock(const BlockTask& task);
void massOfBlock(const BlockTask& task, int64_t fromRow, int64_t toRow, float* mass);

/**
 * Turns a row of scores into weights relative to the new peak, and brings peak and total up to date. The row has room for
 * a whole last vector.
 *
 * @returns the factor by which sums that were made before must be multiplied
 */
KVFOLD_INLINE float toWeights(float* row, int64_t count, float& peak, float& total) {
  for (int64_t e = count; e % width != 0; e++) row[e] = hiddenScore;
  F most = all(peak);
  for (int64_t e = 0; e < count; e += width) most = max(most, load(row + e));
  const float newPeak = maxLane(most);
  const F top = all(newPeak);
  F added = all(0);
  for (int64_t e = 0; e < count; e += width) {
    const F weight = expNegative(sub(load(row + e), top));
    store(row + e, weight);
    added = add(added, weight);
  }
  float factor[width] = {1};
  if (newPeak > peak) store(factor, expNegative(all(peak - newPeak)));
  total = total * factor[0] + sum(added);
  peak = newPeak;
  return factor[0];
}

}  // namespace kvfold::KVFOLD_ISA
