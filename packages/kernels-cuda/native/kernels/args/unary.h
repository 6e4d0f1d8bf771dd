// A function of each element.
#pragma once
#include <cstdint>

namespace kvfold {

/** out[i] = op(x[i]), with numbers a and b for the functions that take some. `op` is a place in src/kernels/unary.ts. */
struct UnaryArgs {
  uint64_t x;
  uint64_t out;
  uint64_t n;
  int32_t op;
  float a;
  float b;
  int32_t unused;
};

}  // namespace kvfold
