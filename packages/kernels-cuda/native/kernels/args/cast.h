// Conversions between the types of tensors.
#pragma once
#include <cstdint>

namespace kvfold {

/** out[i] = x[i] as another type; 0 float32, 1 int32, 2 bool. */
struct CastArgs {
  uint64_t x;
  uint64_t out;
  uint64_t n;
  int32_t from;
  int32_t to;
};

}  // namespace kvfold
