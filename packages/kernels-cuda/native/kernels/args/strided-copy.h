// Moves of elements.
#pragma once
#include <cstdint>

namespace kvfold {

/**
 * Copies `n` elements (below 2^31) in row-major order of `sizes`; both sides have a distance between neighbours along each
 * dimension, which may be negative. `x` and `out` are the addresses of the first element. Elements have 1 or 4 bytes.
 */
struct StridedCopyArgs {
  uint64_t x;
  uint64_t out;
  int64_t xSteps[8];
  int64_t outSteps[8];
  int32_t n;
  int32_t elementBytes;
  int32_t rank;
  int32_t sizes[8];
  int32_t unused;
};

}  // namespace kvfold
