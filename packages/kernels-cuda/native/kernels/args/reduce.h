// Reductions along one dimension.
#pragma once
#include <cstdint>

namespace kvfold {

/**
 * x [outer, n, inner] to out [outer, parts, inner]: each part is a piece of `length` elements along n. The result is times
 * `scale` (a mean's is 1 / n). `op` is a place in src/kernels/reduction.ts.
 */
struct ReduceArgs {
  uint64_t x;
  uint64_t out;
  uint64_t outer;
  uint64_t n;
  uint64_t inner;
  uint64_t length;
  int32_t parts;
  int32_t op;
  float scale;
  int32_t unused;
};

/** Place of the largest (or smallest) of n elements in each row, the first of equal ones; NaN counts as neither. */
struct ArgBestArgs {
  uint64_t x;
  uint64_t out;
  uint64_t rows;
  uint64_t n;
  uint64_t inner;
  int32_t largest;
  int32_t unused;
};

}  // namespace kvfold
