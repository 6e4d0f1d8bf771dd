// One token a row: a warp takes a lane from the projections to the coded entry in its page.
#pragma once
#include "../attention/plan-tiles.h"
#include "../math/dmc.h"
#include "entry-write.h"

namespace kvfold {

/** Floats of a warp's room in shared memory: the token, and what is stored of it. */
constexpr int stepRoom = 4 * 256;

struct StepLane {
  int row;
  int lane;       // of the step
  int storeLane;
  int position;
};

/**
 * Adds a token `[key | value]` to the lane's segment and leaves the segment's average in `pooled`. The average is made of the
 * ring's members each time, newest first: sums that drop their oldest item would drift.
 */
KVFOLD_DEVICE void foldToken(const LaneState& state, const float* item, float omega, bool merges, int position, float* pooled) {
  const int width = 2 * state.layout.dims, rows = state.layout.ringRows;
  const int lane = threadIdx.x & 31;
  const int slot = position % rows;
  const bool sums = rows == 1;
  const int before = merges ? state.count() : 0, count = before + 1;
  const int members = sums ? 1 : count < rows ? count : rows;
  float total = sums && before > 0 ? state.weights()[0] + omega : omega;
  if (!sums) {
    for (int back = 1; back < members; back++) total += state.weights()[slot >= back ? slot - back : slot - back + rows];
  }
  const float share = __fdividef(1, total);
  for (int i = 4 * lane; i < width; i += 128) {
    const float4 x = *reinterpret_cast<const float4*>(item + i);
    float4 sum = make_float4(omega * x.x, omega * x.y, omega * x.z, omega * x.w);
    float4* own = reinterpret_cast<float4*>(state.ring(slot) + i);
    if (sums && before > 0) {
      const float4 old = *own;
      sum = make_float4(old.x + sum.x, old.y + sum.y, old.z + sum.z, old.w + sum.w);
    }
    *own = sum;
    for (int back = 1; back < members; back++) {
      const float4 old = *reinterpret_cast<const float4*>(state.ring(slot >= back ? slot - back : slot - back + rows) + i);
      sum = make_float4(sum.x + old.x, sum.y + old.y, sum.z + old.z, sum.w + old.w);
    }
    // alone in its segment a token is its own average, without rounding
    const float4 mean = make_float4(sum.x * share, sum.y * share, sum.z * share, sum.w * share);
    *reinterpret_cast<float4*>(pooled + i) = count == 1 ? x : mean;
  }
  __syncwarp();
  if (lane != 0) return;
  state.weights()[slot] = sums ? total : omega;
  state.count() = count;
}

/** Key and value of a lane's token into shared memory, padded with zeros; the blanked channel is 0. */
KVFOLD_DEVICE void readToken(const CacheStepArgs& args, const StepLane& own, float* item) {
  const EntryLayout& layout = args.store.layout;
  const float* k = at<const float>(args.k) + static_cast<int64_t>(own.lane) * layout.headDim;
  const float* v = at<const float>(args.v) + static_cast<int64_t>(own.lane) * layout.headDim;
  for (int i = threadIdx.x & 31; i < layout.dims; i += 32) {
    const bool real = i < layout.headDim;
    item[i] = real && i != args.blank ? k[i] : 0;
    item[layout.dims + i] = real ? v[i] : 0;
  }
  __syncwarp();
}

KVFOLD_DEVICE Turn turnOf(const CacheStepArgs& args, int row) {
  const int64_t angle = static_cast<int64_t>(row) * args.half;
  return {args.cos == 0 ? nullptr : at<const float>(args.cos) + angle, args.cos == 0 ? nullptr : at<const float>(args.sin) + angle,
          args.half, args.blank};
}

KVFOLD_DEVICE void turnQueries(const CacheStepArgs& args, const StepLane& own) {
  if (args.qOut == 0) return;
  const int headDim = args.store.layout.headDim;
  Turn turn = turnOf(args, own.row);
  for (int head = 0; head < args.group; head++) {
    turn.blank = head < args.blankHeads ? args.queryBlank : noneSuch;
    const int64_t first = (static_cast<int64_t>(own.lane) * args.group + head) * headDim;
    turnHead(at<const float>(args.q) + first, at<float>(args.qOut) + first, headDim, turn);
  }
}

struct Decision {
  bool merges;
  float omega;
};

KVFOLD_DEVICE Decision decide(const CacheStepArgs& args, const StepLane& own) {
  Decision decision;
  if (args.merge != 0) {
    decision.merges = at<const float>(args.merge)[own.lane] > 0.5f;
    decision.omega = at<const float>(args.omega)[own.lane];
  } else {
    const int headDim = args.store.layout.headDim;
    const float* q = at<const float>(args.q) + static_cast<int64_t>(own.lane) * args.group * headDim + args.channel;
    float importance = 0;
    for (int head = 0; head < args.group; head++) importance += q[head * headDim];
    const float neuron = at<const float>(args.k)[static_cast<int64_t>(own.lane) * headDim + args.channel];
    decision.merges = dmcMerges(neuron, args.offset, args.edge);
    decision.omega = dmcOmega(__fdividef(importance, static_cast<float>(args.group)), args.offset, args.epsilon);
  }
  decision.merges = decision.merges && own.position > 0;
  if (args.decided != 0 && (threadIdx.x & 31) == 0) at<float>(args.decided)[own.lane] = decision.merges ? 1 : 0;
  return decision;
}

/** The slot that the entry goes to, or -1 when no page was free; the lane's length and list are up to date after it. */
KVFOLD_DEVICE int placeEntry(const CacheStepArgs& args, const StepLane& own, bool opens) {
  int slot = 0;
  if ((threadIdx.x & 31) == 0) {
    int* length = at<int>(args.store.lengths) + own.storeLane;
    const int wanted = args.slots == 0 ? *length : at<const int>(args.slots)[own.lane];
    const bool replaces = !opens || wanted < *length;
    slot = !opens ? *length - 1 : !replaces ? *length : wanted < 0 ? 0 : wanted;
    if (!replaces && slot % args.store.layout.pageSlots == 0 && !takePage(args.pool, args.store, own.storeLane, slot)) slot = -1;
    if (!replaces && slot >= 0) *length = slot + 1;
  }
  __syncwarp();
  return __shfl_sync(wholeWarp, slot, 0);
}

template <bool merging>
KVFOLD_DEVICE void stepLane(const CacheStepArgs& args, const StepLane& own, float* room) {
  const EntryLayout& layout = args.store.layout;
  float* item = room;
  float* stored = room + 2 * layout.dims;
  const Decision decision = merging ? decide(args, own) : Decision{false, 1};
  const bool opens = !decision.merges || at<const int>(args.store.lengths)[own.storeLane] == 0;
  __syncwarp();
  const int slot = placeEntry(args, own, opens);
  turnQueries(args, own);
  if (slot < 0) return;
  readToken(args, own, item);
  if (merging) {
    foldToken(LaneState(args.store, own.storeLane), item, decision.omega, decision.merges, own.position, stored);
    for (int i = threadIdx.x & 31; i < 2 * layout.dims; i += 32) item[i] = stored[i];
    __syncwarp();
  }
  Turn turn = turnOf(args, own.row);
  if (args.rotatesAtWrite == 0) turn.cos = nullptr;
  turnHead(item, stored, layout.headDim, turn);
  for (int i = threadIdx.x & 31; i < layout.dims; i += 32) {
    if (i >= layout.headDim) stored[i] = 0;
    stored[layout.dims + i] = item[layout.dims + i];
  }
  __syncwarp();
  const int until = args.until == 0 ? noEnd : at<const int>(args.until)[own.lane];
  putEntry(layout, pageOf(args.store, own.storeLane, slot), slot % layout.pageSlots, stored, own.position, until);
  if (!merging || layout.openOffset == 0) return;
  const LaneState state(args.store, own.storeLane);
  for (int i = threadIdx.x & 31; i < 2 * layout.dims; i += 32) state.openEntry()[i] = stored[i];
  if ((threadIdx.x & 31) == 0) state.open() = 1;
}

/** The last block to come this far divides all lanes into tiles. */
KVFOLD_DEVICE void planWhenLast(const CacheStepArgs& args) {
  __shared__ int scratch[33];
  __shared__ int isLast;
  if (args.plan.tileStarts == 0) return;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    int* finished = at<int>(args.finished);
    isLast = atomicAdd(finished, 1) == static_cast<int>(gridDim.x) - 1;
    if (isLast != 0) *finished = 0;
  }
  __syncthreads();
  if (isLast == 0) return;
  __threadfence();
  planTiles(args.plan, scratch);
}

template <bool merging>
KVFOLD_DEVICE void cacheStep(const CacheStepArgs& args) {
  __shared__ __align__(16) float rooms[cacheStepLanes][stepRoom];
  const int warp = static_cast<int>(threadIdx.x) / 32, heads = args.store.kvHeads;
  const int lane = static_cast<int>(blockIdx.x * cacheStepLanes) + warp;
  if (lane < args.rowCount * heads) {
    const int row = lane / heads;
    const int storeRow = args.rows == 0 ? row : at<const int>(args.rows)[row];
    stepLane<merging>(args, {row, lane, storeRow * heads + lane % heads, at<const int>(args.positions)[row]}, rooms[warp]);
  }
  planWhenLast(args);
}

}  // namespace kvfold
