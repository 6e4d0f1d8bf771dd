// Queries as attention wants them, where no write has turned them.
#pragma once
#include <cstdint>

namespace kvfold {

/** `kvfold_turn_queries`: rotates and blanks. Grid `ceil(rows * queryHeads * T / 8)`, block 256; out is not q. */
struct TurnQueriesArgs {
  uint64_t q;    // float32 [rows, queryHeads, T, headDim]
  uint64_t cos;  // float32 [rows, T, half]; 0: no rotation
  uint64_t sin;
  uint64_t out;  // float32 [rows, queryHeads, T, headDim], written
  int64_t count;  // rows * queryHeads * T
  int32_t queryHeads;
  int32_t tokens;
  int32_t group;
  int32_t headDim;
  int32_t half;
  int32_t blank;       // channel that queries lose; below 0: none
  int32_t blankHeads;  // first heads of each group that lose it
};

}  // namespace kvfold
