#include "rows.h"

#include "vector-math.h"

namespace kvfold::KVFOLD_ISA {
namespace {

void rotate(const float* x, const float* cos, const float* sin, int64_t half, int64_t dim, float* y) {
  for (int64_t i = 0; i < half; i += width) {
    const int64_t n = half - i;
    const F first = loadUpTo(x + i, n), second = loadUpTo(x + half + i, n);
    const F c = loadUpTo(cos + i, n), s = loadUpTo(sin + i, n);
    storeUpTo(y + i, first * c - second * s, n);
    storeUpTo(y + half + i, second * c + first * s, n);
  }
  if (x != y) memcpy(y + 2 * half, x + 2 * half, static_cast<size_t>(dim - 2 * half) * sizeof(float));
}

void adamW(const AdamWStep& step, const float* param, const float* grad, const float* m, const float* v, float* nextParam,
           float* nextM, float* nextV, int64_t n) {
  const F beta1 = all(step.beta1), beta2 = all(step.beta2), rest1 = all(step.rest1), rest2 = all(step.rest2);
  const F epsilon = all(step.epsilon), rate = all(step.rate), correction = all(step.correction), keep = all(step.keep);
  for (int64_t i = 0; i < n; i += width) {
    const F g = loadUpTo(grad + i, n - i);
    const F first = loadUpTo(m + i, n - i) * beta1 + g * rest1;
    const F second = loadUpTo(v + i, n - i) * beta2 + g * g * rest2;
    const F move = first / (sqrt(second * correction) + epsilon) * rate;
    storeUpTo(nextM + i, first, n - i);
    storeUpTo(nextV + i, second, n - i);
    storeUpTo(nextParam + i, loadUpTo(param + i, n - i) * keep - move, n - i);
  }
}

void addTo(float* to, const float* from, int64_t n) {
  for (int64_t i = 0; i < n; i += width) storeUpTo(to + i, loadUpTo(to + i, n - i) + loadUpTo(from + i, n - i), n - i);
}

}  // namespace

extern const RowKernels rowKernels;
const RowKernels rowKernels = {rotate, adamW, addTo};

}  // namespace kvfold::KVFOLD_ISA
