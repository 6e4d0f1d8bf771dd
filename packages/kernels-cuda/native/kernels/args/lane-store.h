// The cache on the device: pages of entries, a list of pages and a length for each lane, and the state of merging lanes.
// Lanes are (row, KV head), row-major.
#pragma once
#include <cstdint>

/** For functions of these headers that kernels call too. */
#if defined(__CUDACC__)
#define KVFOLD_ANYWHERE __host__ __device__
#else
#define KVFOLD_ANYWHERE
#endif

namespace kvfold {

enum class EntryCodec : int32_t { f32, bf16, int8 };

constexpr int entryCodecCount = 3;

/** No such column, channel or page. */
constexpr int32_t noneSuch = -1;

/** Entries that a warp works on at a time; a page holds a multiple of it. */
constexpr int32_t tileEntries = 16;

/** Head sizes that kernels exist for; smaller heads are padded with zeros to the next. */
constexpr int32_t headSizes[] = {32, 64, 96, 128, 256};

/** Floats of a key in memory, or 0 when the head is too large. */
constexpr int32_t paddedHead(int32_t headDim) {
  for (int32_t size : headSizes) {
    if (headDim <= size) return size;
  }
  return 0;
}

/** Bytes of an entry, key then value. */
KVFOLD_ANYWHERE constexpr int32_t entryBytesOf(EntryCodec codec, int32_t dims) {
  return 2 * dims * (codec == EntryCodec::f32 ? 4 : codec == EntryCodec::bf16 ? 2 : 1);
}

/**
 * Layout of a page: entries `[pageSlots, key | value]`, for int8 scales `[pageSlots, (key, value)]` in float32, columns
 * `[columns, pageSlots]` of int32. Layout of a merging lane's state: int32 count of the open segment's tokens, int32 1 where
 * the last entry is open, at 64 weights `[ringRows]`, then weighted tokens `[ringRows, key | value]` before RoPE, and where
 * entries are coded the open entry in float32 `[key | value]` as attention reads it.
 */
struct EntryLayout {
  int32_t codec;           // EntryCodec
  int32_t headDim;         // channels of a head
  int32_t dims;            // the same, padded
  int32_t pageSlots;       // entries of a page, a multiple of `tileEntries`
  int32_t pageBytes;       // a multiple of 128
  int32_t scalesOffset;    // bytes
  int32_t columnsOffset;   // bytes
  int32_t columns;         // int32 numbers that go with an entry
  int32_t positionColumn;  // position of an entry's newest token; or -1: its slot is its position
  int32_t untilColumn;     // first query position that no longer sees the entry; or -1
  int32_t ringRows;        // tokens that a segment's average takes in; 1: a running sum of all; 0: no merging
  int32_t ringOffset;      // bytes
  int32_t openOffset;      // bytes; 0: entries are float32 and the page itself holds the open one
  int32_t stateBytes;      // a multiple of 128; 0: no merging
};

/** @param ringRows 0 for stores that do not merge */
inline EntryLayout entryLayout(EntryCodec codec, int32_t headDim, int32_t pageSlots, int32_t columns, int32_t positionColumn,
                               int32_t untilColumn, int32_t ringRows) {
  const auto roundUp = [](int32_t bytes) { return (bytes + 127) / 128 * 128; };
  EntryLayout layout = {};
  layout.codec = static_cast<int32_t>(codec);
  layout.headDim = headDim;
  layout.dims = paddedHead(headDim);
  layout.pageSlots = pageSlots;
  layout.scalesOffset = pageSlots * entryBytesOf(codec, layout.dims);
  layout.columnsOffset = layout.scalesOffset + (codec == EntryCodec::int8 ? 8 * pageSlots : 0);
  layout.columns = columns;
  layout.pageBytes = roundUp(layout.columnsOffset + 4 * pageSlots * columns);
  layout.positionColumn = positionColumn;
  layout.untilColumn = untilColumn;
  layout.ringRows = ringRows;
  if (ringRows == 0) return layout;
  layout.ringOffset = roundUp(64 + 4 * ringRows);
  const int32_t ringEnd = layout.ringOffset + ringRows * 2 * layout.dims * 4;
  layout.openOffset = codec == EntryCodec::f32 ? 0 : ringEnd;
  layout.stateBytes = roundUp(ringEnd + (codec == EntryCodec::f32 ? 0 : 2 * layout.dims * 4));
  return layout;
}

/** Where kernels find the lanes of one layer. */
struct LaneStore {
  uint64_t pages;        // all pages of this page size, `[pageId, pageBytes]`
  uint64_t pageTable;    // int32 [storeLanes, pageCapacity], page ids
  uint64_t lengths;      // int32 [storeLanes], entries, the open one included
  uint64_t states;       // [storeLanes, stateBytes]; 0: no merging
  int32_t pageCapacity;  // most pages of a lane
  int32_t kvHeads;
  EntryLayout layout;
};

}  // namespace kvfold
