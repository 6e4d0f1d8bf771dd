// One lane: the entries of one (row, KV head) in a list of pages, and the state of its open segment. Pages and states are
// shared between copies of a lane until one of them writes.
#pragma once
#include "../kernels/attention.h"
#include "store-shape.h"

namespace kvfold {

/** Plain data, so that tables of lanes can be moved; `newLane` and `freeLane` make and end it. */
struct Lane {
  /** Each filled from its first slot on; after drops a page may be part empty anywhere in the list. */
  PageSpan* pages;
  int64_t pageCount;
  int64_t pageCapacity;
  int64_t length;
  /** Null for stores that do not merge. */
  uint8_t* state;
  /** Whether the last entry is the open one, whose float32 form the state holds. */
  bool open;
};

/** Where an entry lies. */
struct Place {
  uint8_t* page;
  int64_t slot;
};

/** All of these are false when the system has no memory; the lane is then as it was. */
bool newLane(const StoreShape& shape, Lane& lane);
/** A copy that shares pages and state. */
bool copyLane(const StoreShape& shape, const Lane& lane, Lane& copy);
void freeLane(const StoreShape& shape, Lane& lane);

/** Adds an entry of any content behind the last one. */
bool appendEntry(const StoreShape& shape, Lane& lane, Place& place);
/** Makes an entry writable; `slot` is below the lane's length. */
bool writableEntry(const StoreShape& shape, Lane& lane, int64_t slot, Place& place);
/** Makes the last entry writable. */
bool writableLast(const StoreShape& shape, Lane& lane, Place& place);
/** Makes the page at an index of the list writable. */
bool writablePage(const StoreShape& shape, Lane& lane, int64_t index);
/** Makes the state writable. */
bool writableState(const StoreShape& shape, Lane& lane);

/** Drops all entries from `length` on. */
void cropLane(const StoreShape& shape, Lane& lane, int64_t length);

/**
 * Drops entries; the others keep their order. Pages that become empty are freed at once, and when part-empty ones add up
 * the lane is packed anew.
 *
 * @param dropped ascending slots
 */
bool dropEntries(const StoreShape& shape, Lane& lane, const int32_t* dropped, int64_t count);

/** Moves entries forward until only the last page is part empty. */
bool packLane(const StoreShape& shape, Lane& lane);

/** Puts entries into a new order: entry `order[i]` becomes the i-th; those that are not named are dropped. */
bool reorderLane(const StoreShape& shape, Lane& lane, const int32_t* order, int64_t count);

/** Copies one entry with its columns. */
void copyEntry(const StoreShape& shape, uint8_t* from, int64_t fromSlot, uint8_t* to, int64_t toSlot, int64_t count);

}  // namespace kvfold
