// Writing new tokens into the lanes of a store: rotating, blanking, merging and coding go with the write.
#pragma once
#include "store.h"

namespace kvfold {

/** New tokens of a step, un-rotated. */
struct WriteCall {
  Step step;
  /** `[rows, kvHeads, tokens, headDim]` each. */
  const float* k;
  const float* v;
  /** `[rows, tokens, half]`; null: no rotation. */
  const float* cos;
  const float* sin;
  int64_t half;
  /** Channel that keys lose; below 0: none. */
  int64_t blank;
};

/**
 * One entry a token. `until` `[rows, kvHeads, tokens]` and `previousUntil` `[rows, kvHeads]` may be null.
 * These three are false when the system has no memory; the lanes then hold a part of the tokens.
 */
bool writeAppend(Store& store, const WriteCall& call, const int32_t* until, const int32_t* previousUntil);

/** Dynamic Memory Compression: `merge` above 0.5 joins the last entry, `omega` weighs; `[rows, kvHeads, tokens]` each. */
bool writeMerge(Store& store, const WriteCall& call, const float* merge, const float* omega);

/** Each token replaces the entry at its slot `[rows, kvHeads, tokens]`, or is appended when there is none. */
bool writeOverwrite(Store& store, const WriteCall& call, const int32_t* slots);

/** Ends an overwriting step of several tokens: replaced entries leave, the others go to their slots. */
bool settleOverwrites(Store& store);

/** One lane's part of `writeMerge`; lanes of a step are row-major. */
bool mergeLane(Store& store, const WriteCall& call, const float* merge, const float* omega, int64_t stepLane);

/** Writes an entry in float32, `[2 * dims]`, and fresh columns. */
void putEntry(const StoreShape& shape, const Place& place, const float* entry, int64_t position, int32_t until);

}  // namespace kvfold
