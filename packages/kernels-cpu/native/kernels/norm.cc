#include "norm.h"

#include "simd-double.h"
#include "vector-math.h"

namespace kvfold::KVFOLD_ISA {
namespace {

float scaleOf(const float* x, int64_t n, float epsilon) {
  DoubleSum sum;
  for (int64_t i = 0; i < n; i += width) {
    const F v = loadUpTo(x + i, n - i);
    // Squares of float32 are exact in double; in float32 those above 1.8e19 would overflow.
    const D low = lowHalf(v), high = highHalf(v);
    sum.low += low * low;
    sum.high += high * high;
  }
  return static_cast<float>(1 / __builtin_sqrt(sum.total() / static_cast<double>(n) + epsilon));
}

void rmsNorm(const float* x, const float* weight, float offset, float epsilon, int64_t rows, int64_t n, float* y) {
  const F plus = all(offset);
  for (int64_t r = 0; r < rows; r++, x += n, y += n) {
    const F scale = all(scaleOf(x, n, epsilon));
    for (int64_t i = 0; i < n; i += width) {
      storeUpTo(y + i, loadUpTo(x + i, n - i) * scale * (loadUpTo(weight + i, n - i) + plus), n - i);
    }
  }
}

void rmsNormGradient(const float* x, const float* weight, float offset, float epsilon, const float* dy, int64_t rows,
                     int64_t n, float* dx, float* scales) {
  const F plus = all(offset);
  for (int64_t r = 0; r < rows; r++, x += n, dy += n, dx += n) {
    const float scale = scales[r] = scaleOf(x, n, epsilon);
    // y = x s g with s = (mean(x^2) + e)^(-1/2): dx = s (g dy - x s^2 mean(g dy x)).
    DoubleSum sum;
    for (int64_t i = 0; i < n; i += width) {
      const F pulled = loadUpTo(dy + i, n - i) * (loadUpTo(weight + i, n - i) + plus);
      sum.add(pulled * loadUpTo(x + i, n - i));
    }
    const double mean = sum.total() / static_cast<double>(n);
    const F s = all(scale), along = all(static_cast<float>(mean * scale * scale));
    for (int64_t i = 0; i < n; i += width) {
      const F pulled = loadUpTo(dy + i, n - i) * (loadUpTo(weight + i, n - i) + plus);
      storeUpTo(dx + i, s * (pulled - along * loadUpTo(x + i, n - i)), n - i);
    }
  }
}

void weightGradient(const float* x, const float* dy, const float* scales, int64_t rows, int64_t n, int64_t begin,
                    int64_t end, float* dWeight) {
  for (int64_t c = begin; c < end; c += width) {
    DoubleSum sum;
    for (int64_t r = 0; r < rows; r++) {
      sum.add(loadUpTo(dy + r * n + c, end - c) * loadUpTo(x + r * n + c, end - c) * all(scales[r]));
    }
    storeUpTo(dWeight + c, rounded(sum.low, sum.high), end - c);
  }
}

}  // namespace

extern const NormKernels normKernels;
const NormKernels normKernels = {rmsNorm, rmsNormGradient, weightGradient};

}  // namespace kvfold::KVFOLD_ISA
