// Which tokens merge, and what they weigh.
#pragma once
#include <cstdint>

namespace kvfold {

/** `kvfold_dmc_decide`: DMC's decisions and weights by themselves. Grid `ceil(rows * kvHeads * T / 256)`, block 256. */
struct DmcDecideArgs {
  uint64_t q;      // float32 [rows, queryHeads, T, headDim], nothing rotated or blanked
  uint64_t k;      // float32 [rows, kvHeads, T, headDim]
  uint64_t merge;  // float32 [rows, kvHeads, T], written: 1 merges, 0 appends
  uint64_t omega;  // float32 [rows, kvHeads, T], written
  int64_t count;   // rows * kvHeads * T
  int32_t tokens;
  int32_t group;
  int32_t headDim;
  int32_t channel;
  float offset;
  float epsilon;
  float edge;
};

}  // namespace kvfold
