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

/** The workers that share a lane. */
struct LaneWorkers {
  int first;
  int last;
  KVFOLD_DEVICE LaneWorkers(const DecodeAttentionArgs& args, const TileShare& share, int lane)
      : first(share.owner(at<const int>(args.tileStarts)[lane])), last(share.owner(at<const int>(args.tileStarts)[lane + 1] - 1)) {}
  KVFOLD_DEVICE int count() const { return last - first + 1; }
};

/** Up to so many partial results are joined by the warp that comes last; more by the kernel that follows, which has more threads. */
constexpr int mostJoinedInPlace = 4;

/** Joins few partial results into the lane's output, by one warp. Lane h of the warp keeps the numbers of head h. */
template <int heads, int dims>
KVFOLD_DEVICE void joinFew(const DecodeAttentionArgs& args, int lane, const LaneWorkers& workers) {
  using Slot = PartialSlot<heads, dims>;
  // four floats a lane; few of them a turn, for the caller's numbers stay in registers
  constexpr int quads = heads * dims / 128, turn = quads % 4 == 0 ? 4 : quads % 3 == 0 ? 3 : quads, perHead = dims / 4;
  const int thread = threadIdx.x & 31, ownHead = thread % heads;
  const LaneHeads own = headsOf<heads>(args, lane);
  // peaks become what a partial result is multiplied by
  float peaks[mostJoinedInPlace], totals[mostJoinedInPlace], peak = hiddenScore, total = 0;
  KVFOLD_UNROLL
  for (int i = 0; i < mostJoinedInPlace; i++) {
    const Slot slot(args, workers.first + (i < workers.count() ? i : 0), lane);
    peaks[i] = i < workers.count() ? __ldcg(&slot.peak(ownHead)) : hiddenScore;
    totals[i] = i < workers.count() ? __ldcg(&slot.total(ownHead)) : 0;
    peak = fmaxf(peak, peaks[i]);
  }
  KVFOLD_UNROLL
  for (int i = 0; i < mostJoinedInPlace; i++) total += totals[i] * exp2Fast(peaks[i] - peak);
  const float share = total > 0 ? __fdividef(1, total) : 0;
  KVFOLD_UNROLL
  for (int i = 0; i < mostJoinedInPlace; i++) peaks[i] = exp2Fast(peaks[i] - peak) * share;
  KVFOLD_UNROLL_BY(1)
  for (int first = 0; first < quads; first += turn) {
    float4 sums[turn];
    KVFOLD_UNROLL
    for (int j = 0; j < turn; j++) sums[j] = make_float4(0, 0, 0, 0);
    KVFOLD_UNROLL
    for (int i = 0; i < mostJoinedInPlace; i++) {
      if (i >= workers.count()) continue;
      const float4* from = reinterpret_cast<const float4*>(Slot(args, workers.first + i, lane).data);
      KVFOLD_UNROLL
      for (int j = 0; j < turn; j++) {
        const int place = (first + j) * 32 + thread;
        const float own = __shfl_sync(wholeWarp, peaks[i], place / perHead);
        const float4 part = __ldcg(from + place);
        sums[j] = make_float4(sums[j].x + own * part.x, sums[j].y + own * part.y, sums[j].z + own * part.z, sums[j].w + own * part.w);
      }
    }
    KVFOLD_UNROLL
    for (int j = 0; j < turn; j++) {
      const int head = ((first + j) * 32 + thread) / perHead, dim = ((first + j) * 32 + thread) % perHead * 4;
      float* out = at<float>(args.out) + (own.first + head) * args.store.layout.headDim + dim;
      const float values[4] = {sums[j].x, sums[j].y, sums[j].z, sums[j].w};
      KVFOLD_UNROLL
      for (int i = 0; i < 4; i++) {
        if (head < own.count && dim + i < args.store.layout.headDim) out[i] = values[i];
      }
    }
  }
  if (thread < own.count) writeLse(args, own.first + thread, peak, total);
}

/**
 * Tells that a worker's partial result is written. Where few workers share the lane, the last of them joins what they found
 * and puts the count back to 0. To be called by all threads of the warp.
 */
template <int heads, int dims>
KVFOLD_DEVICE void arrive(const DecodeAttentionArgs& args, const TileShare& share, int lane) {
  const LaneWorkers workers(args, share, lane);
  if (workers.count() > mostJoinedInPlace) return;
  int before = 0;
  __threadfence();
  __syncwarp();
  if ((threadIdx.x & 31) == 0) before = atomicAdd(at<int>(args.arrivals) + lane, 1);
  before = __shfl_sync(wholeWarp, before, 0);
  if (before != workers.count() - 1) return;
  __threadfence();
  joinFew<heads, dims>(args, lane, workers);
  if ((threadIdx.x & 31) == 0) at<int>(args.arrivals)[lane] = 0;
}

/** One head of one lane with many partial results, by a block of `decodeMergeThreads`: a slot a thread, then a slot a warp. */
template <int heads, int dims>
KVFOLD_DEVICE void joinMany(const DecodeAttentionArgs& args, int lane, int head, const LaneWorkers& workers) {
  using Slot = PartialSlot<heads, dims>;
  constexpr int warps = static_cast<int>(decodeMergeThreads) / 32, perThread = dims / 32;
  __shared__ float scratch[32];
  __shared__ float found[warps][dims];
  const int warp = static_cast<int>(threadIdx.x) / 32, thread = threadIdx.x & 31;
  float peak = hiddenScore, total = 0;
  for (int worker = workers.first + static_cast<int>(threadIdx.x); worker <= workers.last; worker += static_cast<int>(decodeMergeThreads)) {
    const Slot slot(args, worker, lane);
    const float own = __ldcg(&slot.peak(head)), highest = fmaxf(peak, own);
    total = total * exp2Fast(peak - highest) + __ldcg(&slot.total(head)) * exp2Fast(own - highest);
    peak = highest;
  }
  const float highest = blockMax(peak, scratch);
  total = blockSum(total * exp2Fast(peak - highest), scratch);
  float sums[perThread] = {};
  KVFOLD_UNROLL_BY(8)
  for (int worker = workers.first + warp; worker <= workers.last; worker += warps) {
    const Slot slot(args, worker, lane);
    const float factor = exp2Fast(__ldcg(&slot.peak(head)) - highest);
    KVFOLD_UNROLL
    for (int i = 0; i < perThread; i++) sums[i] += factor * __ldcg(slot.sums(head) + i * 32 + thread);
  }
  KVFOLD_UNROLL
  for (int i = 0; i < perThread; i++) found[warp][i * 32 + thread] = sums[i];
  __syncthreads();
  const LaneHeads own = headsOf<heads>(args, lane);
  const float share = total > 0 ? __fdividef(1, total) : 0;
  for (int dim = threadIdx.x; dim < args.store.layout.headDim; dim += static_cast<int>(decodeMergeThreads)) {
    float sum = 0;
    KVFOLD_UNROLL
    for (int i = 0; i < warps; i++) sum += found[i][dim];
    at<float>(args.out)[(own.first + head) * args.store.layout.headDim + dim] = sum * share;
  }
  if (threadIdx.x == 0) writeLse(args, own.first + head, highest, total);
  __syncthreads();
}

/** Heads of lanes that many workers share; every block looks at many at once, for most have nothing to be joined. */
template <int heads, int dims>
KVFOLD_DEVICE void decodeMerge(const DecodeAttentionArgs& args, int warps) {
  __shared__ unsigned shared[decodeMergeThreads / 32];
  const int lanes = args.rowCount * args.store.kvHeads * args.passes;
  const int blocks = static_cast<int>(gridDim.x), threads = static_cast<int>(decodeMergeThreads);
  const TileShare share(at<const int>(args.tileStarts)[lanes], warps);
  for (int first = static_cast<int>(blockIdx.x); first < lanes * heads; first += blocks * threads) {
    const int item = first + static_cast<int>(threadIdx.x) * blocks;
    bool wanted = false;
    if (item < lanes * heads) {
      wanted = item % heads < headsOf<heads>(args, item / heads).count &&
               LaneWorkers(args, share, item / heads).count() > mostJoinedInPlace;
    }
    const unsigned votes = __ballot_sync(wholeWarp, wanted);
    if ((threadIdx.x & 31) == 0) shared[threadIdx.x / 32] = votes;
    __syncthreads();
    for (int i = 0; i < threads; i++) {
      if ((shared[i / 32] >> (i & 31) & 1) == 0) continue;
      const int chosen = first + i * blocks;
      joinMany<heads, dims>(args, chosen / heads, chosen % heads, LaneWorkers(args, share, chosen / heads));
    }
    __syncthreads();
  }
}

}  // namespace kvfold
