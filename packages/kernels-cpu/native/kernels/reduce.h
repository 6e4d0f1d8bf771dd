// Reductions of `[outer, n, inner]` over the middle axis.
#pragma once
#include <cstdint>

namespace kvfold {

/** In the order of `reductions` in src/kernels/reduction.ts. NaN anywhere makes a maximum or minimum NaN. */
enum class Reduction : int { sum, mean, max, min, prod };
constexpr int reductionCount = 5;

struct ReduceKernels {
  /** `rows` rows of `n` elements, one after the other, to one number each. */
  using Rows = void (*)(const float* x, int64_t rows, int64_t n, float* out);
  Rows rows[reductionCount];
  /** Columns `[0, columns)` of `n` rows that are `stride` apart, to one number for each column. */
  using Columns = void (*)(const float* x, int64_t n, int64_t stride, int64_t columns, float* out);
  Columns columns[reductionCount];
  /** Place of the first largest, or smallest, element of each row. NaN is passed over unless it is first. */
  void (*argMax)(const float* x, int64_t rows, int64_t n, int32_t* out);
  void (*argMin)(const float* x, int64_t rows, int64_t n, int32_t* out);
};

}  // namespace kvfold
