// Moving, sharing and reading lanes; see args/lane-work.h.
#pragma once
#include "../args/lane-work.h"
#include "entry-write.h"

namespace kvfold {

KVFOLD_DEVICE int storeLaneOf(uint64_t rows, int kvHeads, int lane) {
  const int row = lane / kvHeads;
  return (rows == 0 ? row : at<const int>(rows)[row]) * kvHeads + lane % kvHeads;
}

KVFOLD_DEVICE int* pageList(const LaneStore& store, int lane) {
  return at<int>(store.pageTable) + static_cast<int64_t>(lane) * store.pageCapacity;
}

KVFOLD_DEVICE unsigned char* pageAddress(const LaneStore& store, int page) {
  return at<unsigned char>(store.pages) + static_cast<int64_t>(page) * store.layout.pageBytes;
}

/** One entry with what goes with it, by a warp. */
KVFOLD_DEVICE void copyEntry(const EntryLayout& layout, const unsigned char* from, int fromSlot, unsigned char* to, int toSlot) {
  const EntryCodec codec = static_cast<EntryCodec>(layout.codec);
  const int bytes = entryBytesOf(codec, layout.dims), lane = threadIdx.x & 31;
  for (int i = lane * 16; i < bytes; i += 512) {
    *reinterpret_cast<uint4*>(to + toSlot * bytes + i) = *reinterpret_cast<const uint4*>(from + fromSlot * bytes + i);
  }
  if (codec == EntryCodec::int8 && lane < 2) {
    reinterpret_cast<float*>(to + layout.scalesOffset)[2 * toSlot + lane] =
        reinterpret_cast<const float*>(from + layout.scalesOffset)[2 * fromSlot + lane];
  }
  if (lane < layout.columns) {
    reinterpret_cast<int*>(to + layout.columnsOffset)[lane * layout.pageSlots + toSlot] =
        reinterpret_cast<const int*>(from + layout.columnsOffset)[lane * layout.pageSlots + fromSlot];
  }
}

KVFOLD_DEVICE void reserveLane(const LaneMoveArgs& args, int lane) {
  const int length = at<const int>(args.newLengths)[lane];
  at<int>(args.to.lengths)[lane] = takePages(args.pool, args.to, lane, 0, length) ? length : 0;
}

KVFOLD_DEVICE void moveEntry(const LaneMoveArgs& args, int lane, int slot) {
  if (slot >= at<const int>(args.to.lengths)[lane]) return;
  const int source = args.order == 0 ? slot : at<const int>(args.order)[static_cast<int64_t>(lane) * args.orderSlots + slot];
  const int storeLane = storeLaneOf(args.rows, args.from.kvHeads, lane), slots = args.from.layout.pageSlots;
  copyEntry(args.from.layout, pageOf(args.from, storeLane, source), source % slots, pageOf(args.to, lane, slot), slot % slots);
}

/** By one block: counts what every lane gives back, finds its place on the stack, and writes it there. */
KVFOLD_DEVICE void releaseLanes(const LaneShareArgs& args, int* scratch) {
  const int slots = args.store.layout.pageSlots, warp = static_cast<int>(threadIdx.x) / 32, thread = threadIdx.x & 31;
  int* freeCount = at<int>(args.pool.freeCount);
  for (int first = 0; first < args.count; first += static_cast<int>(blockDim.x)) {
    const int index = first + static_cast<int>(threadIdx.x);
    const bool real = index < args.count;
    const int lane = !real ? 0 : args.lanes == 0 ? index : at<const int>(args.lanes)[index];
    const int left = !real || args.newLengths == 0 ? 0 : at<const int>(args.newLengths)[index];
    int* length = at<int>(args.store.lengths) + lane;
    const int begin = (left + slots - 1) / slots, end = real && left < *length ? (*length + slots - 1) / slots : begin;
    int* list = pageList(args.store, lane);
    // pages that somebody else holds stay; the others are marked by their sign
    int freed = 0;
    for (int i = begin; i < end; i++) {
      const bool last = args.pool.holders == 0 || atomicSub(at<int>(args.pool.holders) + list[i], 1) == 1;
      freed += last ? 1 : 0;
      if (!last) list[i] = noneSuch;
    }
    const int upTo = warpScan(freed);
    if (thread == 31) scratch[warp] = upTo;
    __syncthreads();
    int place = *freeCount + upTo - freed, total = 0;
    for (int i = 0; i < static_cast<int>(blockDim.x) / 32; i++) {
      place += i < warp ? scratch[i] : 0;
      total += scratch[i];
    }
    for (int i = begin; i < end; i++) {
      if (list[i] != noneSuch) at<int>(args.pool.freePages)[place++] = list[i];
    }
    if (real && left < *length) *length = left;
    __syncthreads();
    if (threadIdx.x == 0) *freeCount += total;
    __syncthreads();
  }
}

KVFOLD_DEVICE void holdLane(const LaneShareArgs& args, int index) {
  const int lane = args.lanes == 0 ? index : at<const int>(args.lanes)[index];
  const int slots = args.store.layout.pageSlots, pages = (at<const int>(args.store.lengths)[lane] + slots - 1) / slots;
  for (int i = 0; i < pages; i++) atomicAdd(at<int>(args.pool.holders) + pageList(args.store, lane)[i], 1);
}

/** By one block a lane. */
KVFOLD_DEVICE void ownLastPage(const LaneShareArgs& args, int* scratch) {
  const int index = static_cast<int>(blockIdx.x), lane = args.lanes == 0 ? index : at<const int>(args.lanes)[index];
  const int slots = args.store.layout.pageSlots, length = at<const int>(args.store.lengths)[lane];
  // a full last page is only written by merging
  if (length == 0 || (length % slots == 0 && args.store.layout.ringRows == 0)) return;
  int* list = pageList(args.store, lane);
  const int last = (length - 1) / slots;
  if (threadIdx.x == 0) {
    scratch[0] = list[last];
    scratch[1] = noneSuch;
    if (at<int>(args.pool.holders)[list[last]] > 1 && takePage(args.pool, args.store, lane, last * slots)) scratch[1] = list[last];
  }
  __syncthreads();
  const int old = scratch[0], fresh = scratch[1];
  if (fresh == noneSuch) return;
  const unsigned char* from = pageAddress(args.store, old);
  unsigned char* to = pageAddress(args.store, fresh);
  for (int i = threadIdx.x * 16; i < args.store.layout.pageBytes; i += static_cast<int>(blockDim.x) * 16) {
    *reinterpret_cast<uint4*>(to + i) = *reinterpret_cast<const uint4*>(from + i);
  }
  if (threadIdx.x == 0) atomicSub(at<int>(args.pool.holders) + old, 1);
}

/** A stored number of an entry. */
KVFOLD_DEVICE float storedNumber(const EntryLayout& layout, const unsigned char* page, int inPage, int i) {
  const EntryCodec codec = static_cast<EntryCodec>(layout.codec);
  const unsigned char* entry = page + inPage * entryBytesOf(codec, layout.dims);
  if (codec == EntryCodec::f32) return reinterpret_cast<const float*>(entry)[i];
  if (codec == EntryCodec::bf16) return bf16ToFloat(reinterpret_cast<const uint16_t*>(entry)[i]);
  const float scale = reinterpret_cast<const float*>(page + layout.scalesOffset)[2 * inPage + (i >= layout.dims ? 1 : 0)];
  return static_cast<float>(reinterpret_cast<const int8_t*>(entry)[i]) * scale;
}

/** One entry by a warp; `room` is `4 * dims` floats of shared memory. */
KVFOLD_DEVICE void readEntry(const ReadEntriesArgs& args, int lane, int slot, float* room) {
  const EntryLayout& layout = args.store.layout;
  const int storeLane = storeLaneOf(args.rows, args.store.kvHeads, lane), length = at<const int>(args.store.lengths)[storeLane];
  const int width = 2 * layout.dims, thread = threadIdx.x & 31;
  const int64_t place = static_cast<int64_t>(lane) * args.slots + slot;
  const bool real = slot < length;
  float* entry = room;
  int position = slot;
  if (real) {
    const unsigned char* page = pageOf(args.store, storeLane, slot);
    const int inPage = slot % layout.pageSlots;
    const bool isOpen = layout.openOffset != 0 && slot == length - 1 && LaneState(args.store, storeLane).open() != 0;
    for (int i = thread; i < width; i += 32) {
      entry[i] = isOpen ? LaneState(args.store, storeLane).openEntry()[i] : storedNumber(layout, page, inPage, i);
    }
    if (args.bySlot == 0 && layout.positionColumn >= 0) {
      position = reinterpret_cast<const int*>(page + layout.columnsOffset)[layout.positionColumn * layout.pageSlots + inPage];
    }
    __syncwarp();
    if (args.cos != 0) {
      // stays in bounds whatever a column says
      const int64_t angle = static_cast<int64_t>(position < 0 ? 0 : position < args.positions ? position : args.positions - 1) * args.half;
      const Turn turn = {at<const float>(args.cos) + angle, at<const float>(args.sin) + angle, args.half, args.blank};
      turnHead(entry, room + width, layout.headDim, turn);
      __syncwarp();
      for (int i = thread; i < layout.headDim; i += 32) entry[i] = room[width + i];
    } else if (args.blank >= 0 && thread == 0) {
      entry[args.blank] = 0;
    }
    __syncwarp();
  }
  if (args.entries != 0 && real) {
    const EntryLayout& view = args.view;
    unsigned char* page = at<unsigned char>(args.entries) + place / view.pageSlots * view.pageBytes;
    const int inPage = static_cast<int>(place % view.pageSlots);
    for (int i = thread; i < width; i += 32) reinterpret_cast<float*>(page)[inPage * width + i] = entry[i];
    if (thread < view.columns) {
      const unsigned char* from = pageOf(args.store, storeLane, slot) + layout.columnsOffset;
      const int column = thread * layout.pageSlots + slot % layout.pageSlots;
      const int number = thread < layout.columns ? reinterpret_cast<const int*>(from)[column] : noEnd;
      reinterpret_cast<int*>(page + view.columnsOffset)[thread * view.pageSlots + inPage] = number;
    }
  }
  for (int i = thread; i < layout.headDim; i += 32) {
    if (args.keys != 0) at<float>(args.keys)[place * layout.headDim + i] = real ? entry[i] : 0;
    if (args.values != 0) at<float>(args.values)[place * layout.headDim + i] = real ? entry[layout.dims + i] : 0;
  }
}

/** One entry by a warp; its columns are written by `kvfold_write_column`. */
KVFOLD_DEVICE void writeEntry(const WriteEntriesArgs& args, int lane, int slot, float* room) {
  const EntryLayout& layout = args.store.layout;
  if (slot >= at<const int>(args.store.lengths)[lane]) return;
  const int64_t place = (static_cast<int64_t>(lane) * args.slots + slot) * layout.headDim;
  for (int i = threadIdx.x & 31; i < layout.dims; i += 32) {
    const bool real = i < layout.headDim;
    room[i] = real ? at<const float>(args.keys)[place + i] : 0;
    room[layout.dims + i] = real ? at<const float>(args.values)[place + i] : 0;
  }
  __syncwarp();
  putEntry(layout, pageOf(args.store, lane, slot), slot % layout.pageSlots, room, slot, 0x7fffffff);
}

/** Where a column's number of a slot lies. */
KVFOLD_DEVICE int* columnNumber(const ColumnArgs& args, int storeLane, int slot) {
  const EntryLayout& layout = args.store.layout;
  unsigned char* page = pageOf(args.store, storeLane, slot);
  return reinterpret_cast<int*>(page + layout.columnsOffset) + args.column * layout.pageSlots + slot % layout.pageSlots;
}

/** By one block a lane. */
KVFOLD_DEVICE void planOverwrites(const OverwritePlanArgs& args, int lane) {
  const int row = lane / args.view.kvHeads, oldLength = at<const int>(args.oldLengths)[lane];
  int* holders = at<int>(args.order) + static_cast<int64_t>(lane) * args.orderSlots;
  for (int i = threadIdx.x; i < oldLength; i += static_cast<int>(blockDim.x)) holders[i] = i;
  __syncthreads();
  if (threadIdx.x != 0) return;
  const ColumnArgs ends = {0, 0, args.view, 0, args.view.layout.untilColumn};
  const int count = at<const int>(args.counts)[row], position = at<const int>(args.positions)[row];
  int length = oldLength;
  for (int t = 0; t < count; t++) {
    const int wanted = at<const int>(args.slots)[static_cast<int64_t>(lane) * args.tokens + t];
    const int slot = wanted < 0 ? 0 : wanted < length ? wanted : length;
    if (slot < length) {
      int* end = columnNumber(ends, lane, holders[slot]);
      *end = *end < position + t ? *end : position + t;
    } else {
      length++;
    }
    holders[slot] = oldLength + t;
  }
  at<int>(args.newLengths)[lane] = length;
}

}  // namespace kvfold
