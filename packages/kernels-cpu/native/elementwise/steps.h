// How a kernel walks arrays of several dimensions: sizes, and each operand's distance between neighbours along each of them.
#pragma once
#include <cstdint>

namespace kvfold {

constexpr int maximumRank = 8;

/** Outermost dimension first; distances in elements. `x` and `y` are two inputs, or input and output. */
struct Steps {
  int rank = 0;
  int64_t sizes[maximumRank] = {};
  int64_t x[maximumRank] = {};
  int64_t y[maximumRank] = {};

  int64_t count() const {
    int64_t product = 1;
    for (int i = 0; i < rank; i++) product *= sizes[i];
    return product;
  }
};

/** The same walk with fewer dimensions: those of size 1 go, neighbours that both operands pass in one stride join. */
Steps collapsed(const Steps& steps);

/** The places of both operands at the `index`-th combination of the first `rank` dimensions, the last one fastest. */
struct Places {
  int64_t x = 0, y = 0;
};
inline Places placesAt(const Steps& steps, int rank, int64_t index) {
  Places places;
  for (int i = rank - 1; i >= 0; i--) {
    const int64_t at = index % steps.sizes[i];
    index /= steps.sizes[i];
    places.x += at * steps.x[i];
    places.y += at * steps.y[i];
  }
  return places;
}

}  // namespace kvfold
