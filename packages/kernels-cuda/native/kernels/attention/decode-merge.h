// The end of a lane's work: what several warps found is joined by the one that comes last.
#pragma once
#include "../args/decode-attention.h"
#include "../device/warp.h"
#include "../math/fast-exp.h"
#include "tile-owner.h"

namespace kvfold {

/** Where a warp's partial result of a lane lies: sums `[heads, dims]`, then peaks `[heads]`, then totals `[heads]`. */
template <int heads, int dims>
struct PartialSlot {
  static constexpr int floats = heads * (dims + 2);
  float* data;
  KVFOLD_DEVICE PartialSlot(const DecodeAttentionArgs& args, int worker, int lane)
      : data(at<float>(args.partials) + static_cast<int64_t>(worker + lane) * floats) {}
  KVFOLD_DEVICE float* sums(int head) const { return data + head * dims; }
  KVFOLD_DEVICE float& peak(int head) const { return data[heads * dims + head]; }
  KVFOLD_DEVICE float& total(int head) const { return data[heads * (dims + 1) + head]; }
};

/** The query heads of a lane with passes: first of them in q, and how many. */
struct LaneHeads {
  int64_t first;
  int count;
};

template <int heads>
KVFOLD_DEVICE LaneHeads headsOf(const DecodeAttentionArgs& args, int lane) {
  const int pass = lane % args.passes, left = args.group - pass * heads;
  return {static_cast<int64_t>(lane / args.passes) * args.group + pass * heads, left < heads ? left : heads};
}

/** ln of the sum of exponentials, from the peak in base 2. */
KVFOLD_DEVICE void writeLse(const DecodeAttentionArgs& args, int64_t head, float peak, float total) {
  if (args.lse == 0) return;
  at<float>(args.lse)[head] = total > 0 ? (peak + log2f(total)) * lnOf2 : -__int_as_float(0x7f800000);
}

/** Joins the partial results of the workers `first` to `last` into the lane's output. */
template <int heads, int dims>
KVFOLD_DEVICE void mergePartials(const DecodeAttentionArgs& args, int lane, int first, int last) {
  using Slot = PartialSlot<heads, dims>;
  constexpr int perThread = dims / 32;
  const int thread = threadIdx.x & 31;
  const LaneHeads own = headsOf<heads>(args, lane);
  for (int head = 0; head < own.count; head++) {
    float peak = hiddenScore;
    for (int worker = first + thread; worker <= last; worker += 32) {
      peak = fmaxf(peak, __ldcg(&Slot(args, worker, lane).peak(head)));
    }
    peak = warpMax(peak);
    float total = 0;
    for (int worker = first + thread; worker <= last; worker += 32) {
      const Slot slot(args, worker, lane);
      total += __ldcg(&slot.total(head)) * exp2Fast(__ldcg(&slot.peak(head)) - peak);
    }
    total = warpSum(total);
    const float share = total > 0 ? __fdividef(1, total) : 0;
    float sums[perThread] = {};
    KVFOLD_UNROLL_BY(4)
    for (int worker = first; worker <= last; worker++) {
      const Slot slot(args, worker, lane);
      const float factor = exp2Fast(__ldcg(&slot.peak(head)) - peak) * share;
      KVFOLD_UNROLL
      for (int i = 0; i < perThread; i++) sums[i] += factor * __ldcg(slot.sums(head) + i * 32 + thread);
    }
    float* out = at<float>(args.out) + (own.first + head) * args.store.layout.headDim;
    KVFOLD_UNROLL
    for (int i = 0; i < perThread; i++) {
      if (i * 32 + thread < args.store.layout.headDim) out[i * 32 + thread] = sums[i];
    }
    if (thread == 0) writeLse(args, own.first + head, peak, total);
  }
}

/**
 * Tells that a worker's partial result is written; the last of the lane's workers joins them and puts the count back to 0.
 * To be called by all threads of the warp.
 */
template <int heads, int dims>
KVFOLD_DEVICE void arrive(const DecodeAttentionArgs& args, const TileShare& share, int lane) {
  const int* starts = at<const int>(args.tileStarts);
  const int first = share.owner(starts[lane]), last = share.owner(starts[lane + 1] - 1);
  int before = 0;
  __threadfence();
  __syncwarp();
  if ((threadIdx.x & 31) == 0) before = atomicAdd(at<int>(args.arrivals) + lane, 1);
  before = __shfl_sync(wholeWarp, before, 0);
  if (before != last - first) return;
  __threadfence();
  mergePartials<heads, dims>(args, lane, first, last);
  if ((threadIdx.x & 31) == 0) at<int>(args.arrivals)[lane] = 0;
}

}  // namespace kvfold
