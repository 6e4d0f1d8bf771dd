// Writing one token a row into the lanes of a layer, and all that goes with it.
#pragma once
#include "decode-attention.h"
#include "page-pool.h"

namespace kvfold {

/** Lanes of a block; a warp works on each. */
constexpr unsigned cacheStepLanes = 8;

/**
 * `kvfold_append_step` and `kvfold_dmc_step`. Grid `ceil(rows * kvHeads / cacheStepLanes)`, block `32 * cacheStepLanes`.
 *
 * Both rotate queries and keys, blank a channel before and after, code the entry, take a page where one is needed,
 * and at last divide the lanes into tiles for the attention that follows. `append` adds an entry to each lane, or replaces one. `dmc` decides
 * first: a token of a position above 0 with k[channel] - offset > edge joins the lane's open segment, whose average replaces
 * the last entry; others open a new one. omega is sigmoid(mean of q[channel] over the group + offset) + epsilon.
 */
struct CacheStepArgs {
  uint64_t q;          // float32 [rows, queryHeads, headDim], not rotated
  uint64_t k;          // float32 [rows, kvHeads, headDim], not rotated
  uint64_t v;          // float32 [rows, kvHeads, headDim]
  uint64_t cos;        // float32 [rows, half]; 0: no rotation of keys and queries
  uint64_t sin;        // float32 [rows, half]
  uint64_t qOut;       // float32 [rows, queryHeads, headDim], written: rotated and blanked; 0: not wanted
  uint64_t rows;       // int32 [rows], rows of the store; 0: the same
  uint64_t positions;  // int32 [rows], of the tokens
  uint64_t until;      // int32 [rows, kvHeads], first query position that does not see the entry; 0: there is none
  uint64_t slots;      // int32 [rows, kvHeads]: append: the entry that the token replaces, if there is one; 0: none
  uint64_t merge;      // float32 [rows, kvHeads]: dmc: above 0.5 joins, in place of k's channel; 0: decide here
  uint64_t omega;      // float32 [rows, kvHeads]: dmc: weights, in place of q's channel; goes with `merge`
  uint64_t decided;    // float32 [rows, kvHeads], written by dmc: 1 joined, 0 opened; 0: not wanted
  uint64_t finished;   // int32, 0; left as 0: counts blocks
  PagePool pool;
  LaneStore store;
  AttentionPlanArgs plan;  // tileStarts 0: no tiles wanted
  int32_t rowCount;
  int32_t group;           // query heads of a KV head
  int32_t half;            // pairs that are rotated
  int32_t blank;           // channel that keys lose before and after rotation; below 0: none
  int32_t queryBlank;      // channel that queries lose, likewise
  int32_t blankHeads;      // first heads of each group that lose it: 1, or all of the group
  int32_t rotatesAtWrite;  // 0: keys are stored as they come, for stores that rotate when they read
  int32_t channel;         // of decisions and importance
  float offset;
  float epsilon;
  float edge;
};

}  // namespace kvfold
