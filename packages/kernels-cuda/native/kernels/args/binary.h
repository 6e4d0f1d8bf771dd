// Functions of two elements, with broadcasting.
#pragma once
#include <cstdint>

namespace kvfold {

/**
 * out[i] = op(a[...], b[...]) for `n` elements in row-major order of `sizes`; each operand has a distance between neighbours
 * along each dimension, 0 where it repeats. With rank 1 `n` may be of any size, else it is below 2^31.
 */
struct BinaryArgs {
  uint64_t a;
  uint64_t b;
  uint64_t out;
  uint64_t n;
  int32_t op;
  int32_t rank;
  int32_t sizes[8];
  int32_t aSteps[8];
  int32_t bSteps[8];
};

}  // namespace kvfold
