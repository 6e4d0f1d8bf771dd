// Work of a warp on one entry: rotating, coding, and where it goes.
#pragma once
#include "../args/cache-step.h"
#include "../device/warp.h"
#include "../math/bf16.h"

namespace kvfold {

/** What rotates a head's vector at a position; `cos` null: nothing. */
struct Turn {
  const float* cos;
  const float* sin;
  int half;
  int blank;
};

/** Rotates and blanks a head of `headDim` floats from `x` to `out` (both may be global or shared, and not the same). */
KVFOLD_DEVICE void turnHead(const float* x, float* out, int headDim, const Turn& turn) {
  for (int i = threadIdx.x & 31; i < headDim; i += 32) {
    float value = i == turn.blank ? 0 : x[i];
    if (turn.cos != nullptr && i < 2 * turn.half) {
      const bool second = i >= turn.half;
      const int pair = second ? i - turn.half : i, other = second ? pair : pair + turn.half;
      const float partner = other == turn.blank ? 0 : x[other];
      value = second ? value * turn.cos[pair] + partner * turn.sin[pair] : value * turn.cos[pair] - partner * turn.sin[pair];
    }
    out[i] = i == turn.blank ? 0 : value;
  }
}

/** Scale of int8 codes: the largest magnitude over 127. */
KVFOLD_DEVICE float codeScale(const float* x, int dims) {
  float most = 0;
  for (int i = threadIdx.x & 31; i < dims; i += 32) most = fmaxf(most, fabsf(x[i]));
  const float scale = warpMax(most) * (1.0f / 127.0f);
  return scale > 0 ? scale : 0;
}

/** To the nearest, halves to even. */
KVFOLD_DEVICE uint32_t codeOf(float x, float scale) {
  const float code = scale > 0 ? rintf(__fdividef(x, scale)) : 0;
  const int whole = static_cast<int>(code > 127 ? 127 : code > -127 ? code : -127);
  return static_cast<uint32_t>(whole) & 0xffu;
}

/**
 * Writes an entry `[key | value]` of `2 * dims` floats in shared memory (zeros behind the head's end) into a slot of a page,
 * with its columns. By all lanes of a warp.
 */
KVFOLD_DEVICE void putEntry(const EntryLayout& layout, unsigned char* page, int inPage, const float* entry, int position,
                            int until) {
  const int lane = threadIdx.x & 31, width = 2 * layout.dims;
  const EntryCodec codec = static_cast<EntryCodec>(layout.codec);
  unsigned char* to = page + inPage * entryBytesOf(codec, layout.dims);
  const float keyScale = codec == EntryCodec::int8 ? codeScale(entry, layout.dims) : 0;
  const float valueScale = codec == EntryCodec::int8 ? codeScale(entry + layout.dims, layout.dims) : 0;
  for (int i = 4 * lane; i < width; i += 128) {
    const float4 x = *reinterpret_cast<const float4*>(entry + i);
    if (codec == EntryCodec::f32) {
      *reinterpret_cast<float4*>(to + 4 * i) = x;
    } else if (codec == EntryCodec::bf16) {
      *reinterpret_cast<uint2*>(to + 2 * i) = make_uint2(packBf16(x.x, x.y), packBf16(x.z, x.w));
    } else {
      const float scale = i >= layout.dims ? valueScale : keyScale;
      *reinterpret_cast<uint32_t*>(to + i) =
          codeOf(x.x, scale) | codeOf(x.y, scale) << 8 | codeOf(x.z, scale) << 16 | codeOf(x.w, scale) << 24;
    }
  }
  if (codec == EntryCodec::int8 && lane < 2) {
    reinterpret_cast<float*>(page + layout.scalesOffset)[2 * inPage + lane] = lane == 0 ? keyScale : valueScale;
  }
  if (lane >= layout.columns) return;
  const int value = lane == layout.positionColumn ? position : lane == layout.untilColumn ? until : 0;
  reinterpret_cast<int*>(page + layout.columnsOffset)[lane * layout.pageSlots + inPage] = value;
}

KVFOLD_DEVICE unsigned char* pageOf(const LaneStore& store, int storeLane, int slot) {
  const int* table = at<const int>(store.pageTable) + static_cast<int64_t>(storeLane) * store.pageCapacity;
  return at<unsigned char>(store.pages) + static_cast<int64_t>(table[slot / store.layout.pageSlots]) * store.layout.pageBytes;
}

/** Puts a page that was taken into a lane's list. */
KVFOLD_DEVICE void givePage(const PagePool& pool, const LaneStore& store, int storeLane, int index, int page) {
  at<int>(store.pageTable)[static_cast<int64_t>(storeLane) * store.pageCapacity + index] = page;
  if (pool.holders != 0) at<int>(pool.holders)[page] = 1;
}

/** Takes a page for the lane's slot; false when there is none or the lane's list is full. By one thread. */
KVFOLD_DEVICE bool takePage(const PagePool& pool, const LaneStore& store, int storeLane, int slot) {
  const int index = slot / store.layout.pageSlots;
  const int left = index < store.pageCapacity ? atomicSub(at<int>(pool.freeCount), 1) : 0;
  if (left <= 0) {
    if (index < store.pageCapacity) atomicAdd(at<int>(pool.freeCount), 1);
    atomicAdd(at<int>(pool.failures), 1);
    return false;
  }
  givePage(pool, store, storeLane, index, at<const int>(pool.freePages)[left - 1]);
  return true;
}

/** Takes all pages that a lane needs to grow, or none and returns false. By one thread. */
KVFOLD_DEVICE bool takePages(const PagePool& pool, const LaneStore& store, int storeLane, int oldLength, int newLength) {
  const int slots = store.layout.pageSlots;
  const int first = (oldLength + slots - 1) / slots, needed = (newLength + slots - 1) / slots - first;
  if (needed <= 0) return true;
  // a count that went below what is there for a moment would make others take pages that are not theirs: so compare and swap
  int* count = at<int>(pool.freeCount);
  int left = atomicAdd(count, 0);
  while (left >= needed && first + needed <= store.pageCapacity) {
    const int found = atomicCAS(count, left, left - needed);
    if (found == left) {
      for (int i = 0; i < needed; i++) givePage(pool, store, storeLane, first + i, at<const int>(pool.freePages)[left - 1 - i]);
      return true;
    }
    left = found;
  }
  atomicAdd(at<int>(pool.failures), 1);
  return false;
}

/** The state of a merging lane. */
struct LaneState {
  unsigned char* data;
  const EntryLayout& layout;

  KVFOLD_DEVICE LaneState(const LaneStore& store, int storeLane)
      : data(at<unsigned char>(store.states) + static_cast<int64_t>(storeLane) * store.layout.stateBytes), layout(store.layout) {}
  KVFOLD_DEVICE int& count() const { return reinterpret_cast<int*>(data)[0]; }
  KVFOLD_DEVICE int& open() const { return reinterpret_cast<int*>(data)[1]; }
  KVFOLD_DEVICE float* weights() const { return reinterpret_cast<float*>(data + 64); }
  KVFOLD_DEVICE float* ring(int row) const {
    return reinterpret_cast<float*>(data + layout.ringOffset) + static_cast<int64_t>(row) * 2 * layout.dims;
  }
  KVFOLD_DEVICE float* openEntry() const { return reinterpret_cast<float*>(data + layout.openOffset); }
};

}  // namespace kvfold
