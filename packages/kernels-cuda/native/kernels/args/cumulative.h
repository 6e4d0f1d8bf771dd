// Running sums and products.
#pragma once
#include <cstdint>

namespace kvfold {

/** Along n of x [outer, n, inner], from the end where `reverse`, without the element itself where `exclusive`. */
struct CumulativeArgs {
  uint64_t x;
  uint64_t out;
  uint64_t outer;
  uint64_t n;
  uint64_t inner;
  int32_t product;
  int32_t exclusive;
  int32_t reverse;
  int32_t unused;
};

}  // namespace kvfold
