// Finding tokens by their rank without sorting: logits become whole numbers of the same order, and three passes over the row
// narrow down, 11 bits at a time, the one at which a sum from the top reaches a goal.
#pragma once
#include "../args/sample.h"
#include "../device/warp.h"

namespace kvfold {

/** Fixed-point weight 1. */
constexpr float sampleOne = 1099511627776.0f;  // 2^40

/** Larger for larger logits; equal ones differ by nothing. */
KVFOLD_HOST_DEVICE uint32_t keyOfLogit(float logit) {
  union {
    float value;
    uint32_t bits;
  } both;
  both.value = logit;
  return (both.bits & 0x80000000u) != 0 ? ~both.bits : both.bits | 0x80000000u;
}

/** SplitMix32, as the models package draws: a number in [0, 1). */
KVFOLD_HOST_DEVICE double nextRandom(uint32_t& state) {
  state += 0x9e3779b9u;
  uint32_t z = state;
  z = (z ^ z >> 16) * 0x21f0aaadu;
  z = (z ^ z >> 15) * 0x735a2d97u;
  return (z ^ z >> 15) / 4294967296.0;
}

/** Where in the order of rank a sum from the top passes a goal. */
struct RankedPlace {
  uint32_t key;
  uint32_t countBefore;  // tokens with larger keys
  uint64_t before;       // their weight
  uint64_t each;         // weight of a token with this key
};

/** What the threads of the block share; bins first, as the launch's dynamic memory. */
struct SampleShared {
  uint64_t* weights;  // [sampleBins]
  uint32_t* counts;   // [sampleBins]
  uint64_t groupWeights[32];
  uint32_t groupCounts[32];
  RankedPlace place;
  int token;
};

struct SampleRow {
  const float* logits;
  const uint32_t* seen;
  int vocab;
  float penalty;
  float inverseTemperature;
  float peak;

  KVFOLD_DEVICE float logit(int id) const {
    const float x = logits[id];
    if (seen == nullptr || (seen[id >> 5] >> (id & 31) & 1) == 0) return x;
    return x > 0 ? x / penalty : x * penalty;
  }
  KVFOLD_DEVICE uint64_t weight(float x) const {
    return static_cast<uint64_t>(expf((x - peak) * inverseTemperature) * sampleOne + 0.5f);
  }
};

#if defined(__CUDACC__)
KVFOLD_DEVICE void addWeight(uint64_t* to, uint64_t weight) {
  atomicAdd(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(weight));
}
#else
KVFOLD_DEVICE void addWeight(uint64_t* to, uint64_t weight) { atomicAdd(to, weight); }
#endif

/** Sums of the bins of each of 32 groups, one a warp. */
KVFOLD_DEVICE void sumGroups(SampleShared& shared, int bins) {
  const int warp = static_cast<int>(threadIdx.x) >> 5, lane = threadIdx.x & 31, each = bins / 32;
  uint64_t weight = 0;
  int count = 0;
  for (int i = lane; i < each; i += 32) {
    weight += shared.weights[warp * each + i];
    count += static_cast<int>(shared.counts[warp * each + i]);
  }
  count = warpSum(count);
  KVFOLD_UNROLL
  for (int step = 1; step < 32; step *= 2) weight += __shfl_xor_sync(wholeWarp, weight, step);
  if (lane == 0) {
    shared.groupWeights[warp] = weight;
    shared.groupCounts[warp] = static_cast<uint32_t>(count);
  }
  __syncthreads();
}

/** The bin at which the sum from the top passes the goal, or the lowest that holds anything; updates what lies before it. */
template <bool byCount>
KVFOLD_DEVICE int passGoal(const SampleShared& shared, int bins, uint64_t goal, RankedPlace& place) {
  const auto passes = [&](uint64_t weight, uint32_t count) {
    return byCount ? place.countBefore + count > goal : place.before + weight > goal;
  };
  const int each = bins / 32;
  int lowest = 0;
  for (int i = 0; i < 32; i++) {
    if (shared.groupCounts[i] == 0) continue;
    lowest = i;
    break;
  }
  int group = 31;
  for (; group > lowest; group--) {
    if (passes(shared.groupWeights[group], shared.groupCounts[group])) break;
    place.before += shared.groupWeights[group];
    place.countBefore += shared.groupCounts[group];
  }
  int last = group * each;
  while (shared.counts[last] == 0) last++;
  int bin = group * each + each - 1;
  for (; bin > last; bin--) {
    if (passes(shared.weights[bin], shared.counts[bin])) break;
    place.before += shared.weights[bin];
    place.countBefore += shared.counts[bin];
  }
  return bin;
}

/**
 * The key at which the sum from the top passes a goal: the number of tokens (`byCount`), or their weight. By all threads of
 * a block of `sampleThreads`.
 */
template <bool byCount>
KVFOLD_DEVICE RankedPlace findRank(const SampleRow& row, uint64_t goal, SampleShared& shared) {
  constexpr int shifts[4] = {32, 21, 10, 0};
  RankedPlace place = {0, 0, 0, 0};
  for (int pass = 1; pass < 4; pass++) {
    const int bins = 1 << (shifts[pass - 1] - shifts[pass]);
    for (int i = threadIdx.x; i < bins; i += sampleThreads) {
      shared.weights[i] = 0;
      shared.counts[i] = 0;
    }
    __syncthreads();
    for (int id = threadIdx.x; id < row.vocab; id += sampleThreads) {
      const float x = row.logit(id);
      const uint32_t key = keyOfLogit(x);
      if (pass > 1 && key >> shifts[pass - 1] != place.key) continue;
      const uint32_t bin = key >> shifts[pass] & static_cast<uint32_t>(bins - 1);
      addWeight(&shared.weights[bin], row.weight(x));
      atomicAdd(&shared.counts[bin], 1u);
    }
    __syncthreads();
    sumGroups(shared, bins);
    if (threadIdx.x == 0) {
      const uint32_t bin = static_cast<uint32_t>(passGoal<byCount>(shared, bins, goal, place));
      place.key = place.key << (shifts[pass - 1] - shifts[pass]) | bin;
      // in the last pass a bin is a key, and all its tokens weigh the same
      place.each = shared.weights[bin] / shared.counts[bin];
      shared.place = place;
    }
    __syncthreads();
    place = shared.place;
    __syncthreads();
  }
  return place;
}

/** The `wanted`-th token (from 0, by id) whose key is this, or the last of them. By all threads. */
KVFOLD_DEVICE int tokenOfKey(const SampleRow& row, uint32_t key, uint64_t wanted, SampleShared& shared) {
  // threads take stretches of ids, so that counts of earlier threads are counts of lower ids
  const int each = (row.vocab + static_cast<int>(sampleThreads) - 1) / static_cast<int>(sampleThreads);
  const int first = static_cast<int>(threadIdx.x) * each, end = first + each < row.vocab ? first + each : row.vocab;
  int own = 0;
  for (int id = first; id < end; id++) own += keyOfLogit(row.logit(id)) == key ? 1 : 0;
  const int upTo = warpScan(own), warp = static_cast<int>(threadIdx.x) >> 5;
  if (threadIdx.x == 0) shared.token = -1;
  if ((threadIdx.x & 31) == 31) shared.groupCounts[warp] = static_cast<uint32_t>(upTo);
  __syncthreads();
  uint64_t before = static_cast<uint64_t>(upTo - own);
  for (int i = 0; i < warp; i++) before += shared.groupCounts[i];
  for (int id = first; id < end; id++) {
    if (keyOfLogit(row.logit(id)) != key) continue;
    if (before <= wanted) atomicMax(&shared.token, id);
    before++;
  }
  __syncthreads();
  return shared.token;
}

/** The token at which the sum of weights by id passes a goal; all tokens may be drawn. By all threads. */
KVFOLD_DEVICE int tokenById(const SampleRow& row, uint64_t goal, SampleShared& shared) {
  const int each = (row.vocab + static_cast<int>(sampleThreads) - 1) / static_cast<int>(sampleThreads);
  const int first = static_cast<int>(threadIdx.x) * each, end = first + each < row.vocab ? first + each : row.vocab;
  uint64_t own = 0;
  for (int id = first; id < end; id++) own += row.weight(row.logit(id));
  shared.weights[threadIdx.x] = own;
  shared.counts[threadIdx.x] = 0;
  __syncthreads();
  sumGroups(shared, static_cast<int>(sampleThreads));
  if (threadIdx.x == 0) {
    uint64_t before = 0;
    int group = 0, thread = 0;
    while (group < 31 && before + shared.groupWeights[group] <= goal) before += shared.groupWeights[group++];
    for (thread = group * 32; thread < group * 32 + 31 && before + shared.weights[thread] <= goal; thread++) {
      before += shared.weights[thread];
    }
    int id = thread * each;
    for (; id < row.vocab - 1; id++) {
      before += row.weight(row.logit(id));
      if (before > goal) break;
    }
    shared.token = id;
  }
  __syncthreads();
  return shared.token;
}

}  // namespace kvfold
