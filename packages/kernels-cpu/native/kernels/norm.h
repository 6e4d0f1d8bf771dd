// Root-mean-square normalisation of rows.
#pragma once
#include <cstdint>

namespace kvfold {

struct NormKernels {
  /** y = x / sqrt(mean(x^2) + epsilon) (weight + offset) for rows of `n`. */
  void (*rmsNorm)(const float* x, const float* weight, float offset, float epsilon, int64_t rows, int64_t n, float* y);
  /** Gradient of x for `dy`; leaves 1 / sqrt(mean(x^2) + epsilon) of each row in `scales`. */
  void (*rmsNormGradient)(const float* x, const float* weight, float offset, float epsilon, const float* dy, int64_t rows,
                          int64_t n, float* dx, float* scales);
  /** Gradient of the weight's columns `[begin, end)`: the sum over the rows of dy x scale. */
  void (*weightGradient)(const float* x, const float* dy, const float* scales, int64_t rows, int64_t n, int64_t begin,
                         int64_t end, float* dWeight);
};

}  // namespace kvfold
