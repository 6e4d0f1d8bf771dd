// Attention of many queries a row over the closed entries of ragged lanes, and each query's own state.
#pragma once
#include "lane-store.h"

namespace kvfold {

/**
 * `kvfold_prefill_attention_<codec>_<dims>`. Grid `[ceil(T * group / prefillRows(dims)), rows * kvHeads]`, block
 * `2 * prefillRows(dims)`, shared memory `prefillSharedBytes`. To run behind the chunk's write: an entry is seen by queries
 * from `from` on, and by none at `until`, the window's or the band's end. Queries behind a row's count get zeros.
 */
struct PrefillAttentionArgs {
  uint64_t q;           // float32 [rows, queryHeads, T, headDim], rotated
  uint64_t out;         // float32 [rows, queryHeads, T, headDim], written
  uint64_t lse;         // float32 [rows, queryHeads, T], written; 0: not wanted
  uint64_t rows;        // int32 [rows], rows of the store; 0: the same
  uint64_t counts;      // int32 [rows], real tokens
  uint64_t positions;   // int32 [rows], of the first tokens
  uint64_t oldLengths;  // int32 [lanes] of the chunk's plan
  uint64_t slots;       // int32 [lanes, T] of the chunk's plan
  uint64_t from;        // int32 [lanes, T + 1] of the chunk's plan
  uint64_t own;         // float32 [lanes, T, 2 * dims] of the chunk's write: each query's own state; 0: there is none
  LaneStore store;
  float scale;
  int32_t tokens;
  int32_t group;
  int32_t window;  // entries at this distance or further are hidden; or noEnd
  int32_t sinks;   // entries from this position on are hidden from queries `recent` or more behind them; or noEnd
  int32_t recent;
};

/** Queries (token and head of the group) of a block; a warp takes 16. */
KVFOLD_ANYWHERE constexpr int32_t prefillRows(int32_t dims) { return dims > 128 ? 32 : 64; }
/** Entries of a stage. */
KVFOLD_ANYWHERE constexpr int32_t prefillEntries(int32_t dims) { return dims > 128 ? 16 : 32; }
constexpr int32_t prefillStages = 2;

KVFOLD_ANYWHERE constexpr int32_t prefillStageBytes(EntryCodec codec, int32_t dims) {
  // entries; scales, positions, ends, and from when they are seen
  return prefillEntries(dims) * (entryBytesOf(codec, dims) + 8 + 4 + 4 + 4);
}
KVFOLD_ANYWHERE constexpr int32_t prefillSharedBytes(EntryCodec codec, int32_t dims) {
  // queries as two bf16 each
  return prefillRows(dims) * dims * 4 + prefillStages * prefillStageBytes(codec, dims);
}

}  // namespace kvfold
