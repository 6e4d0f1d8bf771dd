// Numbers of a store going out to tensors and coming in.
#pragma once
#include "store.h"

namespace kvfold {

/** A column of a step's rows `[rows, kvHeads, slots]`, 0 behind the end of a lane. */
void readColumn(const Store& store, const Step& step, int64_t column, int64_t slots, int32_t* out);

/** Sets a column from `[rows, kvHeads, slots]`; slots >= each lane's length. False when the system has no memory. */
bool writeColumn(Store& store, const Step& step, int64_t column, int64_t slots, const int32_t* values);

/** Keys or values as stored `[rows, kvHeads, slots, headDim]`, in float32, 0 behind the end of a lane. */
void readEntries(const Store& store, const Step& step, bool values, int64_t slots, float* out);

/** Everything, lane after lane. */
struct StoreContent {
  /** `[entries, headDim]` each. */
  float* keys;
  float* values;
  /** `[entries]` each. */
  int32_t* columns[mostColumns];
  /** `[lanes, ring rows, 2 * headDim + 1]` (weighted key, weighted value, weight); null for stores that do not merge. */
  float* sums;
  /** `[lanes]` */
  float* counts;
};

/** Packs the lanes and writes their content out. False when the system has no memory. */
bool exportContent(Store& store, const StoreContent& content);

/** Replaces all lanes; `lengths` has one number a lane. False when the system has no memory: unchanged. */
bool importContent(Store& store, const int32_t* lengths, int64_t lanes, const StoreContent& content);

/** Keeps the first `entries[row]` entries of each lane. */
void cropRows(Store& store, const int32_t* entries);

struct StoreBytes {
  /** Pages and states that only this table holds. */
  int64_t own;
  /** The state's part of all, whoever else holds it. */
  int64_t state;
};

/**
 * Bytes behind a table. Pages that others, or several of its lanes, hold too are listed once each in `shared` as address
 * and bytes. False when the system has no memory.
 */
bool countBytes(const LaneTable& table, StoreBytes& bytes, Growable<double>& shared);

}  // namespace kvfold
