// Joining the blocks of a lane, each of which had a softmax of its own.
#include "attention-parts.h"

namespace kvfold::KVFOLD_ISA {
namespace {

/** Blocks whose factors are taken together. */
constexpr int64_t factorsTogether = 64;

/** Adds `vectors` vectors of some blocks' sums, times their factors, to those at `sums`. */
template <int vectors>
KVFOLD_INLINE void addSums(const float* from, int64_t stride, const float* factors, int64_t count, float* sums) {
  F acc[vectors];
  KVFOLD_UNROLL
  for (int v = 0; v < vectors; v++) acc[v] = load(sums + v * width);
  for (int64_t b = 0; b < count; b++, from += stride) {
    const F factor = all(factors[b]);
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) acc[v] = fma(factor, load(from + v * width), acc[v]);
  }
  KVFOLD_UNROLL
  for (int v = 0; v < vectors; v++) store(sums + v * width, acc[v]);
}

/** Joins one head's blocks into `sums` `[dims]`; gives the total of all weights. */
float joinHead(const JoinTask& task, int64_t head, float peak, float* sums) {
  const int64_t stride = partialFloats(task.group, task.dims);
  alignas(64) float factors[factorsTogether];
  for (int64_t i = 0; i < task.dims; i += width) store(sums + i, all(0));
  float total = 0;
  for (int64_t first = 0; first < task.count; first += factorsTogether) {
    const int64_t count = task.count - first < factorsTogether ? task.count - first : factorsTogether;
    const float* partial = task.partials + first * stride;
    for (int64_t b = 0; b < factorsTogether; b++) factors[b] = b < count ? partial[b * stride + head] - peak : hiddenScore;
    for (int64_t b = 0; b < count; b += width) store(factors + b, expNegative(load(factors + b)));
    for (int64_t b = 0; b < count; b++) total += factors[b] * partial[b * stride + task.group + head];
    const float* from = partial + 2 * task.group + head * task.dims;
    int64_t i = 0;
    for (; i + 4 * width <= task.dims; i += 4 * width) addSums<4>(from + i, stride, factors, count, sums + i);
    for (; i < task.dims; i += width) addSums<1>(from + i, stride, factors, count, sums + i);
  }
  return total;
}

/** Adds `share` of the weight of each score to its entry's mass. */
void addMass(const float* scores, int64_t count, float peak, float share, float* mass) {
  const F top = all(peak), part = all(share);
  int64_t e = 0;
  for (; e + width <= count; e += width) {
    store(mass + e, fma(part, expNegative(sub(load(scores + e), top)), load(mass + e)));
  }
  alignas(64) float rest[width];
  for (int64_t i = 0; i < width; i++) rest[i] = e + i < count ? scores[e + i] : hiddenScore;
  store(rest, expNegative(sub(load(rest), top)));
  for (int64_t i = 0; e + i < count; i++) mass[e + i] += share * rest[i];
}

}  // namespace

void joinBlocks(const JoinTask& task) {
  for (int64_t head = 0; head < task.group; head++) {
    float peak = noPeak;
    for (int64_t b = 0; b < task.count; b++) {
      const float own = task.partials[b * partialFloats(task.group, task.dims) + head];
      peak = own > peak ? own : peak;
    }
    const float total = joinHead(task, head, peak, task.sums);
    const float share = total == 0 ? 0 : 1 / total;
    float* out = task.out + head * task.headDim;
    for (int64_t i = 0; i < task.headDim; i++) out[i] = task.sums[i] * share;
    if (task.mass == nullptr) continue;
    addMass(task.scores + head * task.scoresStride, task.entries, peak, share / static_cast<float>(task.group), task.mass);
  }
}

}  // namespace kvfold::KVFOLD_ISA
