// Writing several tokens a row into the lanes of a layer at once, in three kernels: plan, write, keep.
#pragma once
#include "cache-step.h"

namespace kvfold {

/**
 * Sizes: T = `tokens`, lanes = rows * kvHeads. Rows may have fewer real tokens; what stands behind them is never read.
 *
 * 1. `kvfold_append_chunk_plan` / `kvfold_dmc_chunk_plan` (grid lanes, block `chunkPlanThreads`): decides, gives every token
 *    its slot, takes pages, sets the lanes' new lengths.
 * 2. `kvfold_dmc_chunk_sums` (only DMC without a window; grid `[ceil(2 * dims / 64), lanes]`, block 64): running averages.
 * 3. `kvfold_append_chunk_write` / `kvfold_dmc_chunk_write` (grid `[ceil(T / chunkWriteTokens), lanes]`, block
 *    `32 * chunkWriteTokens`): averages, rotates, codes; each token's own state goes to `own`, segments' ends into pages.
 * 4. `kvfold_dmc_chunk_keep` (only DMC; grid lanes, block 32): the state that the next call goes on with.
 *
 * A token of a segment is never in a page before its segment ends, or the chunk does.
 */
struct CacheChunkArgs {
  uint64_t q;           // float32 [rows, queryHeads, T, headDim], not rotated
  uint64_t k;           // float32 [rows, kvHeads, T, headDim], not rotated
  uint64_t v;           // float32 [rows, kvHeads, T, headDim]
  uint64_t cos;         // float32 [rows, T, half]; 0: no rotation
  uint64_t sin;         // float32 [rows, T, half]
  uint64_t qOut;        // float32 [rows, queryHeads, T, headDim], written: rotated and blanked; 0: not wanted
  uint64_t rows;        // int32 [rows], rows of the store; 0: the same
  uint64_t counts;      // int32 [rows], real tokens
  uint64_t positions;   // int32 [rows], of the first tokens
  uint64_t until;       // int32 [rows, kvHeads, T]; 0: entries have no end
  uint64_t merge;       // float32 [rows, kvHeads, T]: dmc: decisions in place of k's channel; 0: decide here
  uint64_t omega;       // float32 [rows, kvHeads, T]: dmc: weights; goes with `merge`
  uint64_t decided;     // float32 [rows, kvHeads, T], written by dmc; 0: not wanted
  uint64_t slots;       // int32 [lanes, T], scratch: the slot of each token's entry; -1: there was no page
  uint64_t members;     // int32 [lanes, T], scratch: tokens of the segment up to this one
  uint64_t weights;     // float32 [lanes, T], scratch: omega
  uint64_t from;        // int32 [lanes, T + 1], written: first query position that sees an entry, from the old last one on
  uint64_t oldLengths;  // int32 [lanes], written
  uint64_t own;         // float32 [lanes, T, 2 * dims], written by dmc: each token's state, rotated as the entries are
  PagePool pool;
  LaneStore store;
  int32_t rowCount;
  int32_t tokens;
  int32_t group;
  int32_t half;
  int32_t blank;       // of keys, queries and heads of a group as in args/cache-step.h
  int32_t queryBlank;
  int32_t blankHeads;
  int32_t rotatesAtWrite;
  int32_t channel;
  float offset;
  float epsilon;
  float edge;
};

constexpr unsigned chunkPlanThreads = 256;
constexpr unsigned chunkWriteTokens = 8;

}  // namespace kvfold
