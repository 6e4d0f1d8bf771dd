// Softmax of rows.
#pragma once
#include <cstdint>

namespace kvfold {

/** Rows of n elements; with `logarithm` the logarithm of the softmax. */
struct SoftmaxArgs {
  uint64_t x;
  uint64_t out;
  uint64_t rows;
  uint64_t n;
  int32_t logarithm;
  int32_t unused;
};

}  // namespace kvfold
