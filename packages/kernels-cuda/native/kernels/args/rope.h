// Rotary position embedding in the half-split layout: channel i and channel i + half turn together.
#pragma once
#include <cstdint>

namespace kvfold {

/** `kvfold_rope`: grid `ceil(batch * heads * tokens * headDim / 256)`, block 256; y is not x. */
struct RopeArgs {
  uint64_t x;    // float32 [batch, heads, tokens, headDim]
  uint64_t cos;  // float32 [batch or 1, tokens, half]
  uint64_t sin;  // float32, likewise
  uint64_t y;    // float32 [batch, heads, tokens, headDim], written
  int64_t count;  // batch * heads * tokens * headDim
  int32_t heads;
  int32_t tokens;
  int32_t headDim;
  int32_t half;
  int32_t anglesPerBatch;  // 1: cos has a batch axis; 0: all share angles
  int32_t back;            // 1: the other way round, which is the gradient
};

}  // namespace kvfold
