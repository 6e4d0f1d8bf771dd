// What a store is made for, and how its pages are laid out.
#pragma once
#include "../kernels/entry-codec.h"
#include "page-pool.h"

namespace kvfold {

/** Most numbers that travel with an entry. */
constexpr int64_t mostColumns = 8;

/** No such column. */
constexpr int64_t noColumn = -1;

/** Whole segments: a merging lane keeps sums in place of a ring. */
constexpr int64_t noWindow = 0;

/** What the policy asks for. */
struct StoreOptions {
  int64_t queryHeads;
  int64_t kvHeads;
  int64_t headDim;
  EntryCodec codec;
  /** Entries of a page; a multiple of 8, at most `mostPageSlots`. */
  int64_t pageSlots;
  /** Columns of 4-byte numbers, and which of them are the position and the first query that no longer sees the entry. */
  int64_t columns;
  int64_t positionColumn;
  int64_t untilColumn;
  /** Whether tokens merge; then `window` tokens of the open segment are kept, or sums (`noWindow`). */
  bool merges;
  int64_t window;
  /** Keys are rotated when they are written, else when they are read. */
  bool rotatesAtWrite;
};

/**
 * Layout of a page: entries, scales (int8: key, value), columns, the pool's trailer. State of a merging lane: the count of
 * tokens in the open segment, weights, weighted entries, and with a codec the open entry in float32.
 */
struct StoreShape {
  StoreOptions options;
  int64_t group;
  /** Floats of a key in memory. */
  int64_t dims;
  int64_t slotBytes;
  int64_t scalesOffset;
  int64_t columnsOffset;
  PagePool* pages;
  /** Rows of the ring: `window`, or 1. */
  int64_t ringRows;
  int64_t ringOffset;
  int64_t openOffset;
  /** Null for stores that do not merge. */
  PagePool* states;

  uint8_t* slot(uint8_t* page, int64_t i) const { return page + i * slotBytes; }
  float* scales(uint8_t* page, int64_t i) const { return reinterpret_cast<float*>(page + scalesOffset) + 2 * i; }
  /** A column as its bits; float columns are read through `floatColumn`. */
  int32_t* column(uint8_t* page, int64_t c) const {
    return reinterpret_cast<int32_t*>(page + columnsOffset) + c * options.pageSlots;
  }
  /** Whether the open entry is kept in float32 beside its coded form. */
  bool keepsOpen() const { return options.merges && options.codec != EntryCodec::f32; }

  /** Tokens in the open segment of a lane. */
  int32_t& count(uint8_t* state) const { return *reinterpret_cast<int32_t*>(state); }
  float* weights(uint8_t* state) const { return reinterpret_cast<float*>(state + 64); }
  float* ring(uint8_t* state) const { return reinterpret_cast<float*>(state + ringOffset); }
  float* open(uint8_t* state) const { return reinterpret_cast<float*>(state + openOffset); }
};

/** Fills in the layout. False when the system has no memory for the pools. */
bool makeShape(const StoreOptions& options, StoreShape& shape);

/** Whether lanes of one can be taken over by the other. */
bool sameShape(const StoreShape& a, const StoreShape& b);

}  // namespace kvfold
