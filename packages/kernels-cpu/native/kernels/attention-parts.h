// What the sources of attention kernels share.
#pragma once
#include "attention.h"
#include "simd-exp.h"

namespace kvfold::KVFOLD_ISA {

// attention-block.cc
void attendBlock(const BlockTask& task);
void massOfBlock(const BlockTask& task, int64_t fromRow, int64_t toRow, float* mass);

// attention-join.cc
void joinBlocks(const JoinTask& task);

// attention-sixteen.cc; heads of 32, 64 or 128 channels
#if defined(__AVX2__) && !defined(__AVX512F__)
constexpr bool hasSixteen = true;
#else
constexpr bool hasSixteen = false;
#endif
void attendSixteen(EntryCodec codec, const PagesTask* tasks, int64_t count);

/** Whether any lane of `a` is above `b`. */
KVFOLD_INLINE bool anyAbove(F a, float b) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(a, all(b), _CMP_GT_OQ) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(_mm256_cmp_ps(a, all(b), _CMP_GT_OQ)) != 0;
#else
  return maxLane(a) > b;
#endif
}

/** A softmax that goes on from chunk to chunk; the total's lanes are summed once, at the end. */
struct Softmax {
  F total;
  float peak;
  float first;

  inline __attribute__((always_inline)) void start(float peakSoFar) {
    total = all(0);
    peak = first = peakSoFar;
  }

  /**
   * Turns a row of scores into weights relative to the largest so far. The row has room for a whole last vector.
   *
   * @returns the factor by which sums that were made before must be multiplied
   */
  inline __attribute__((always_inline)) float toWeights(float* row, int64_t count) {
    for (int64_t e = count; e % width != 0; e++) row[e] = hiddenScore;
    F most = load(row);
    for (int64_t e = width; e < count; e += width) most = max(most, load(row + e));
    const float factor = raise(most);
    const F top = all(peak);
    for (int64_t e = 0; e < count; e += width) {
      const F weight = expNegative(sub(load(row + e), top));
      store(row + e, weight);
      total = add(total, weight);
    }
    return factor;
  }

  /** Takes the largest lane of `most` as the peak if it is above; gives the factor for what was summed before. */
  inline __attribute__((always_inline)) float raise(F most) {
    if (!anyAbove(most, peak)) return 1;
    const float newPeak = maxLane(most), factor = factorOf(peak, newPeak);
    total = mul(total, all(factor));
    peak = newPeak;
    return factor;
  }

  /** Brings peak and total up to date. */
  inline __attribute__((always_inline)) void end(float& peakThen, float& totalThen) const {
    totalThen = totalThen * factorOf(first, peak) + sum(total);
    peakThen = peak;
  }

  static inline __attribute__((always_inline)) float factorOf(float before, float now) {
    float lanes[width];
    store(lanes, expNegative(all(before - now)));
    return lanes[0];
  }
};

}  // namespace kvfold::KVFOLD_ISA
