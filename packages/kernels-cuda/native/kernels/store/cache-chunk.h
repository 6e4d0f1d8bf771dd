// A chunk of tokens a row on its way into the lanes; see args/cache-chunk.h.
#pragma once
#include "../args/cache-chunk.h"
#include "../math/dmc.h"
#include "entry-write.h"

namespace kvfold {

struct ChunkLane {
  int lane;  // of the step
  int row;
  int storeLane;
  int count;     // real tokens
  int position;  // of the first

  KVFOLD_DEVICE ChunkLane(const CacheChunkArgs& args, int stepLane) : lane(stepLane), row(stepLane / args.store.kvHeads) {
    const int storeRow = args.rows == 0 ? row : at<const int>(args.rows)[row];
    storeLane = storeRow * args.store.kvHeads + stepLane % args.store.kvHeads;
    count = at<const int>(args.counts)[row];
    position = at<const int>(args.positions)[row];
  }
  /** Place of a token in arrays `[lanes, T]`. */
  KVFOLD_DEVICE int64_t token(const CacheChunkArgs& args, int t) const { return static_cast<int64_t>(lane) * args.tokens + t; }
};

/** Whether a token joins the segment before it; notes its weight. */
KVFOLD_DEVICE bool decideToken(const CacheChunkArgs& args, const ChunkLane& own, int t) {
  const int64_t token = own.token(args, t);
  bool merges;
  float omega;
  if (args.merge != 0) {
    merges = at<const float>(args.merge)[token] > 0.5f;
    omega = at<const float>(args.omega)[token];
  } else {
    const int headDim = args.store.layout.headDim;
    float importance = 0;
    for (int head = 0; head < args.group; head++) {
      const int64_t query = (static_cast<int64_t>(own.lane) * args.group + head) * args.tokens + t;
      importance += at<const float>(args.q)[query * headDim + args.channel];
    }
    merges = dmcMerges(at<const float>(args.k)[token * headDim + args.channel], args.offset, args.edge);
    omega = dmcOmega(__fdividef(importance, static_cast<float>(args.group)), args.offset, args.epsilon);
  }
  merges = merges && own.position + t > 0;
  at<float>(args.weights)[token] = omega;
  if (args.decided != 0) at<float>(args.decided)[token] = merges ? 1 : 0;
  return merges;
}

/** One block a lane: decisions, and from them slots by a scan over the tokens. */
template <bool merging>
KVFOLD_DEVICE void planChunk(const CacheChunkArgs& args) {
  __shared__ int opensOf[32];
  __shared__ int lastOpenOf[32];
  __shared__ int enough;
  const ChunkLane own(args, static_cast<int>(blockIdx.x));
  const int thread = static_cast<int>(threadIdx.x), inWarp = thread & 31, warp = thread >> 5;
  const int oldLength = at<const int>(args.store.lengths)[own.storeLane];
  const int before = merging ? LaneState(args.store, own.storeLane).count() : 0;
  int* from = at<int>(args.from) + static_cast<int64_t>(own.lane) * (args.tokens + 1);
  int opened = 0;        // entries opened by earlier turns
  int lastOpen = -1;     // newest token that opened one
  if (thread == 0) from[0] = 0;
  for (int first = 0; first < own.count; first += static_cast<int>(chunkPlanThreads)) {
    const int t = first + thread;
    const bool real = t < own.count;
    const bool merges = merging && real && decideToken(args, own, t);
    // a lane that lost its entries opens one whatever the decision; the segment's sums go on
    const bool opens = real && (!merges || (oldLength == 0 && t == 0));
    const int upTo = warpScan(opens ? 1 : 0);
    int newest = real && !merges ? t : -1;
    KVFOLD_UNROLL
    for (int step = 1; step < 32; step *= 2) {
      const int other = __shfl_up_sync(wholeWarp, newest, step);
      if (inWarp >= step) newest = other > newest ? other : newest;
    }
    if (inWarp == 31) {
      opensOf[warp] = upTo;
      lastOpenOf[warp] = newest;
    }
    __syncthreads();
    int earlier = opened, start = lastOpen;
    for (int i = 0; i < warp; i++) {
      earlier += opensOf[i];
      start = lastOpenOf[i] > start ? lastOpenOf[i] : start;
    }
    start = newest > start ? newest : start;
    if (real) {
      const int slot = oldLength + earlier + upTo - 1;
      at<int>(args.slots)[own.token(args, t)] = slot;
      if (merging) at<int>(args.members)[own.token(args, t)] = start >= 0 ? t - start + 1 : before + t + 1;
    }
    for (int i = 0; i < static_cast<int>(chunkPlanThreads) / 32; i++) {
      opened += opensOf[i];
      lastOpen = lastOpenOf[i] > lastOpen ? lastOpenOf[i] : lastOpen;
    }
    __syncthreads();
  }
  if (thread == 0) {
    enough = takePages(args.pool, args.store, own.storeLane, oldLength, oldLength + opened) ? 1 : 0;
    at<int>(args.oldLengths)[own.lane] = oldLength;
    if (enough != 0) at<int>(args.store.lengths)[own.storeLane] = oldLength + opened;
  }
  __syncthreads();
  // from when on entries are seen: appended ones by their own token, merged ones by those after their segment
  for (int t = thread; t < own.count; t += static_cast<int>(chunkPlanThreads)) {
    int& slot = at<int>(args.slots)[own.token(args, t)];
    const bool ends = !merging || t + 1 == own.count || at<const int>(args.members)[own.token(args, t + 1)] == 1;
    if (ends && slot >= oldLength - 1) from[slot - oldLength + 1] = own.position + t + (merging ? 1 : 0);
  }
  __syncthreads();
  for (int t = thread; t < own.count && enough == 0; t += static_cast<int>(chunkPlanThreads)) {
    at<int>(args.slots)[own.token(args, t)] = -1;
  }
}

/** Whether a token's state is what its segment, or the chunk, ends with. */
KVFOLD_DEVICE bool endsSegment(const CacheChunkArgs& args, const ChunkLane& own, int t) {
  return t + 1 == own.count || at<const int>(args.members)[own.token(args, t + 1)] == 1;
}

/** One number of a token's `[key | value]`; blanked, and 0 behind the head's end. */
KVFOLD_DEVICE float tokenNumber(const CacheChunkArgs& args, const ChunkLane& own, int t, int i) {
  const EntryLayout& layout = args.store.layout;
  const bool isKey = i < layout.dims;
  const int channel = isKey ? i : i - layout.dims;
  if (channel >= layout.headDim || (isKey && channel == args.blank)) return 0;
  return at<const float>(isKey ? args.k : args.v)[own.token(args, t) * layout.headDim + channel];
}

/** DMC without a window: one thread goes through the tokens of a lane for one number, and leaves the averages in `own`. */
KVFOLD_DEVICE void sumChunk(const CacheChunkArgs& args) {
  const ChunkLane own(args, static_cast<int>(blockIdx.y));
  const int width = 2 * args.store.layout.dims, i = static_cast<int>(blockIdx.x * 64 + threadIdx.x);
  if (i >= width) return;
  const LaneState state(args.store, own.storeLane);
  float sum = state.ring(0)[i], total = state.weights()[0];
  KVFOLD_UNROLL_BY(4)
  for (int t = 0; t < own.count; t++) {
    const int64_t token = own.token(args, t);
    const float omega = at<const float>(args.weights)[token], x = tokenNumber(args, own, t, i);
    const bool alone = at<const int>(args.members)[token] == 1;
    sum = (alone ? 0 : sum) + omega * x;
    total = (alone ? 0 : total) + omega;
    at<float>(args.own)[token * width + i] = alone ? x : __fdividef(sum, total);
  }
}

/** The average over the window that ends at a token, into shared memory. */
KVFOLD_DEVICE void averageToken(const CacheChunkArgs& args, const ChunkLane& own, int t, float* pooled) {
  const int width = 2 * args.store.layout.dims, rows = args.store.layout.ringRows;
  const int members = at<const int>(args.members)[own.token(args, t)];
  const int reach = members < rows ? members : rows;
  const LaneState state(args.store, own.storeLane);
  const float* weights = at<const float>(args.weights) + own.token(args, 0);
  float total = 0;
  for (int back = 0; back < reach; back++) {
    total += t >= back ? weights[t - back] : state.weights()[(own.position + t - back) % rows];
  }
  const float share = __fdividef(1, total);
  for (int i = threadIdx.x & 31; i < width; i += 32) {
    float sum = 0;
    for (int back = 0; back < reach; back++) {
      sum += t >= back ? weights[t - back] * tokenNumber(args, own, t - back, i) : state.ring((own.position + t - back) % rows)[i];
    }
    pooled[i] = members == 1 ? tokenNumber(args, own, t, i) : sum * share;
  }
  __syncwarp();
}

/** One warp a token. */
template <bool merging>
KVFOLD_DEVICE void writeChunk(const CacheChunkArgs& args) {
  __shared__ __align__(16) float rooms[chunkWriteTokens][4 * 256];
  const EntryLayout& layout = args.store.layout;
  const int warp = static_cast<int>(threadIdx.x) / 32, thread = threadIdx.x & 31, width = 2 * layout.dims;
  const ChunkLane own(args, static_cast<int>(blockIdx.y));
  const int t = static_cast<int>(blockIdx.x * chunkWriteTokens) + warp;
  if (t >= own.count) return;
  const int64_t token = own.token(args, t), angle = (static_cast<int64_t>(own.row) * args.tokens + t) * args.half;
  Turn turn = {args.cos == 0 ? nullptr : at<const float>(args.cos) + angle, args.cos == 0 ? nullptr : at<const float>(args.sin) + angle,
               args.half, args.blank};
  for (int head = 0; args.qOut != 0 && head < args.group; head++) {
    turn.blank = head < args.blankHeads ? args.queryBlank : noneSuch;
    const int64_t first = ((static_cast<int64_t>(own.lane) * args.group + head) * args.tokens + t) * layout.headDim;
    turnHead(at<const float>(args.q) + first, at<float>(args.qOut) + first, layout.headDim, turn);
  }
  turn.blank = args.blank;
  float* item = rooms[warp];
  float* stored = rooms[warp] + width;
  if (!merging) {
    for (int i = thread; i < width; i += 32) item[i] = tokenNumber(args, own, t, i);
    __syncwarp();
  } else if (layout.ringRows == 1) {
    for (int i = thread; i < width; i += 32) item[i] = at<const float>(args.own)[token * width + i];
    __syncwarp();
  } else {
    averageToken(args, own, t, item);
  }
  // queries see their own state rotated, whatever the pages hold
  turnHead(item, stored, layout.headDim, turn);
  for (int i = thread; i < layout.dims; i += 32) {
    if (i >= layout.headDim) stored[i] = 0;
    stored[layout.dims + i] = item[layout.dims + i];
  }
  __syncwarp();
  for (int i = thread; merging && i < width; i += 32) at<float>(args.own)[token * width + i] = stored[i];
  const int slot = at<const int>(args.slots)[token];
  if (slot < 0 || (merging && !endsSegment(args, own, t))) return;
  const float* entry = args.rotatesAtWrite != 0 ? stored : item;
  const int until = args.until == 0 ? noEnd : at<const int>(args.until)[token];
  putEntry(layout, pageOf(args.store, own.storeLane, slot), slot % layout.pageSlots, entry, own.position + t, until);
  if (!merging || layout.openOffset == 0 || t + 1 < own.count) return;
  const LaneState state(args.store, own.storeLane);
  for (int i = thread; i < width; i += 32) state.openEntry()[i] = entry[i];
  if (thread == 0) state.open() = 1;
}

/** The newest tokens go to the ring, or the running sums on; one warp a lane. */
KVFOLD_DEVICE void keepChunk(const CacheChunkArgs& args) {
  const ChunkLane own(args, static_cast<int>(blockIdx.x));
  if (own.count == 0 || at<const int>(args.slots)[own.token(args, own.count - 1)] < 0) return;
  const int width = 2 * args.store.layout.dims, rows = args.store.layout.ringRows, thread = threadIdx.x & 31;
  const LaneState state(args.store, own.storeLane);
  const float* weights = at<const float>(args.weights) + own.token(args, 0);
  const int members = at<const int>(args.members)[own.token(args, own.count - 1)];
  const int first = rows == 1 ? (members < own.count ? own.count - members : 0) : own.count > rows ? own.count - rows : 0;
  if (rows == 1) {
    // the sum again, from the segment's start or from what was there
    for (int i = thread; i < width; i += 32) {
      float sum = members > own.count ? state.ring(0)[i] : 0;
      for (int t = first; t < own.count; t++) sum += weights[t] * tokenNumber(args, own, t, i);
      state.ring(0)[i] = sum;
    }
  }
  for (int t = first; rows > 1 && t < own.count; t++) {
    const int slot = (own.position + t) % rows;
    for (int i = thread; i < width; i += 32) state.ring(slot)[i] = weights[t] * tokenNumber(args, own, t, i);
  }
  __syncwarp();
  if (thread != 0) return;
  state.count() = members;
  float total = members > own.count ? state.weights()[0] : 0;
  for (int t = first; t < own.count; t++) {
    total += weights[t];
    if (rows > 1) state.weights()[(own.position + t) % rows] = weights[t];
  }
  if (rows == 1) state.weights()[0] = total;
}

}  // namespace kvfold
