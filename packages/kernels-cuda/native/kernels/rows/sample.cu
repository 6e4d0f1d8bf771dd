#include "sample.h"

#include "../math/fast-exp.h"

namespace kvfold {

/** Sum of the weights that are at least `least`: the same whatever the order of the threads. */
KVFOLD_DEVICE uint64_t sumWeights(const SampleRow& row, uint64_t least, SampleShared& shared) {
  uint64_t own = 0;
  for (int id = threadIdx.x; id < row.vocab; id += sampleThreads) {
    const uint64_t weight = row.weight(row.logit(id));
    own += weight >= least ? weight : 0;
  }
  if (threadIdx.x == 0) shared.weights[0] = 0;
  __syncthreads();
  addWeight(&shared.weights[0], own);
  __syncthreads();
  const uint64_t total = shared.weights[0];
  __syncthreads();
  return total;
}

/** Top-k, top-p and min-p, each on what the one before left: the weight of the first tokens in order of rank that stay. */
KVFOLD_DEVICE uint64_t keptWeight(const SampleRow& row, const SamplingRow& options, uint64_t total, SampleShared& shared) {
  uint64_t kept = total;
  if (options.topK > 0 && options.topK < row.vocab) {
    const uint32_t count = static_cast<uint32_t>(options.topK);
    const RankedPlace last = findRank<true>(row, count - 1, shared);
    kept = last.before + (count - last.countBefore) * last.each;
  }
  if (options.topP < 1) {
    const double wanted = ceil(static_cast<double>(options.topP) * static_cast<double>(kept));
    const uint64_t goal = wanted < 1 ? 1 : static_cast<uint64_t>(wanted);
    const RankedPlace last = findRank<false>(row, goal - 1, shared);
    const uint64_t missing = goal > last.before ? goal - last.before : 0;
    const uint64_t nucleus = last.before + (last.each > 0 ? (missing + last.each - 1) / last.each * last.each : 0);
    kept = nucleus < kept ? nucleus : kept;
  }
  if (options.minP > 0) {
    const uint64_t heavy = sumWeights(row, static_cast<uint64_t>(options.minP * sampleOne), shared);
    kept = heavy < kept ? heavy : kept;
  }
  return kept;
}

KVFOLD_DEVICE int drawToken(SampleRow& row, const SamplingRow& options, uint32_t& random, SampleShared& shared) {
  float peak = -3.4028235e38f;
  bool broken = false;
  for (int id = threadIdx.x; id < row.vocab; id += sampleThreads) {
    const float x = row.logit(id);
    broken = broken || !(x < 3.4028235e38f);
    peak = fmaxf(peak, x);
  }
  __shared__ float scratch[32];
  row.peak = blockMax(peak, scratch);
  if (__syncthreads_or(broken ? 1 : 0) != 0) return -1;
  if (options.temperature == 0) return tokenOfKey(row, keyOfLogit(row.peak), 0, shared);
  row.inverseTemperature = 1 / options.temperature;
  const uint64_t total = sumWeights(row, 0, shared);
  const uint64_t kept = keptWeight(row, options, total, shared);
  const uint64_t goal = static_cast<uint64_t>(nextRandom(random) * static_cast<double>(kept));
  const bool all = (options.topK <= 0 || options.topK >= row.vocab) && options.topP >= 1 && options.minP <= 0;
  if (all) return tokenById(row, goal, shared);
  const RankedPlace place = findRank<false>(row, goal, shared);
  return tokenOfKey(row, place.key, place.each > 0 ? (goal - place.before) / place.each : 0, shared);
}

}  // namespace kvfold

extern "C" __global__ void __launch_bounds__(kvfold::sampleThreads, 1) kvfold_sample(const kvfold::SampleArgs args) {
  using namespace kvfold;
  KVFOLD_DYNAMIC_SHARED(bytes);
  __shared__ SampleShared shared;
  if (threadIdx.x == 0) {
    shared.weights = reinterpret_cast<uint64_t*>(bytes);
    shared.counts = reinterpret_cast<uint32_t*>(shared.weights + sampleBins);
  }
  __syncthreads();
  SamplingRow& options = at<SamplingRow>(args.options)[blockIdx.x];
  const SamplingRow own = options;
  uint32_t* seen = args.seen == 0 ? nullptr : at<uint32_t>(args.seen) + static_cast<int64_t>(blockIdx.x) * ((args.vocab + 31) / 32);
  SampleRow row = {at<const float>(args.logits) + static_cast<int64_t>(blockIdx.x) * args.vocab,
                   own.repetitionPenalty == 1 ? nullptr : seen,
                   args.vocab,
                   own.repetitionPenalty,
                   0,
                   0};
  uint32_t random = own.random;
  const int token = drawToken(row, own, random, shared);
  __syncthreads();
  if (threadIdx.x != 0) return;
  at<int>(args.tokens)[blockIdx.x] = token;
  options.random = random;
  if (seen != nullptr && token >= 0) seen[token >> 5] |= 1u << (token & 31);
}
KVFOLD_KERNEL(kvfold_sample, kvfold::SampleArgs)
