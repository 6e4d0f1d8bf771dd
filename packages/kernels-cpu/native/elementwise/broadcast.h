// Applies a kernel of two operands to arrays that broadcast against each other.
#pragma once
#include "../kernels/binary.h"
#include "parallel-work.h"
#include "steps.h"

namespace kvfold {

/** Nanoseconds for each result of a kernel that little more than reads and writes, from beyond the first cache. */
constexpr double elementCost = 0.2;

/** `out` has one element for each combination; the last distance of each operand must be 0 or 1. */
template <class In, class Out>
void broadcast(BinaryKernels::Run<In, Out> run, const In* a, const In* b, Out* out, const Steps& steps) {
  const Steps walk = collapsed(steps);
  const int outer = walk.rank > 0 ? walk.rank - 1 : 0;
  const int64_t n = walk.rank > 0 ? walk.sizes[outer] : 1;
  const int64_t aStep = walk.rank > 0 ? walk.x[outer] : 0, bStep = walk.rank > 0 ? walk.y[outer] : 0;
  parallelWork(walk.count(), elementCost, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end;) {
      const int64_t column = at % n;
      const Places places = placesAt(walk, outer, at / n);
      const int64_t left = n - column < end - at ? n - column : end - at;
      run(a + places.x + column * aStep, aStep, b + places.y + column * bStep, bStep, out + at, left);
      at += left;
    }
  });
}

}  // namespace kvfold
