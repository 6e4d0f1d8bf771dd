#include "softmax.h"

#include "simd-double.h"
#include "vector-math.h"

namespace kvfold::KVFOLD_ISA {
namespace {

/** Largest element; NaN is passed over here and comes back with the exponentials. */
float rowMax(const float* x, int64_t n) {
  F first = all(-__builtin_inff()), second = first;
  int64_t i = 0;
  for (; i + 2 * width <= n; i += 2 * width) {
    first = max(load(x + i), first);
    second = max(load(x + i + width), second);
  }
  for (; i < n; i++) first = max(all(x[i]), first);
  return maxLane(max(first, second));
}

/** Sum of e^(x - peak); the exponentials are stored in `out` unless it is null. */
KVFOLD_INLINE double exponentials(const float* x, int64_t n, float peak, float* out) {
  const F top = all(peak);
  DoubleSum sum;
  int64_t i = 0;
  for (; i + width <= n; i += width) {
    const F e = exp(load(x + i) - top);
    if (out != nullptr) store(out + i, e);
    sum.add(e);
  }
  double rest = 0;
  if (i < n) {
    const F e = exp(loadFirst(x + i, n - i) - top);
    if (out != nullptr) storeFirst(out + i, e, n - i);
    for (int64_t lane = 0; lane < n - i; lane++) rest += static_cast<double>(e[lane]);
  }
  return sum.total() + rest;
}

void scale(float* x, int64_t n, float factor) {
  const F f = all(factor);
  for (int64_t i = 0; i < n; i += width) storeUpTo(x + i, loadUpTo(x + i, n - i) * f, n - i);
}

void softmax(const float* x, int64_t rows, int64_t n, float* out) {
  for (int64_t r = 0; r < rows; r++) {
    const double sum = exponentials(x + r * n, n, rowMax(x + r * n, n), out + r * n);
    scale(out + r * n, n, static_cast<float>(1 / sum));
  }
}

void crossEntropy(const float* logits, const int32_t* labels, const float* weights, int64_t rows, int64_t n, float* out) {
  for (int64_t r = 0; r < rows; r++) {
    const int32_t label = labels[r];
    if (label < 0 || label >= n) {
      out[r] = 0;
      continue;
    }
    const float* x = logits + r * n;
    const float peak = rowMax(x, n);
    const double loss = __builtin_log(exponentials(x, n, peak, nullptr)) - (static_cast<double>(x[label]) - peak);
    out[r] = static_cast<float>(weights == nullptr ? loss : loss * weights[r]);
  }
}

void crossEntropyGradient(const float* logits, const int32_t* labels, const float* weights, const float* dy, int64_t rows,
                          int64_t n, float* out) {
  for (int64_t r = 0; r < rows; r++) {
    const int32_t label = labels[r];
    float* row = out + r * n;
    if (label < 0 || label >= n) {
      memset(row, 0, static_cast<size_t>(n) * sizeof(float));
      continue;
    }
    const double sum = exponentials(logits + r * n, n, rowMax(logits + r * n, n), row);
    const double factor = weights == nullptr ? dy[r] : static_cast<double>(dy[r]) * weights[r];
    const double ofLabel = (row[label] / sum - 1) * factor;
    scale(row, n, static_cast<float>(factor / sum));
    row[label] = static_cast<float>(ofLabel);
  }
}

/** Normalisers of two rows of logits, and the divergence of their distributions. */
struct Divergence {
  float peak, otherPeak;
  /** Sums of e^(x - peak). */
  double sum, otherSum;
  double value;
};

Divergence divergenceOf(const float* p, const float* q, int64_t n) {
  Divergence found = {rowMax(p, n), rowMax(q, n), 0, 0, 0};
  const F top = all(found.peak), otherTop = all(found.otherPeak);
  DoubleSum sum, otherSum, apart;
  int64_t i = 0;
  for (; i + width <= n; i += width) {
    const F x = load(p + i) - top, y = load(q + i) - otherTop, e = exp(x);
    sum.add(e);
    otherSum.add(exp(y));
    apart.add(e * (x - y));
  }
  found.sum = sum.total();
  found.otherSum = otherSum.total();
  double total = apart.total();
  if (i < n) {
    const F x = loadFirst(p + i, n - i) - top, y = loadFirst(q + i, n - i) - otherTop, e = exp(x), f = exp(y), d = e * (x - y);
    for (int64_t lane = 0; lane < n - i; lane++) {
      found.sum += static_cast<double>(e[lane]);
      found.otherSum += static_cast<double>(f[lane]);
      total += static_cast<double>(d[lane]);
    }
  }
  found.value = total / found.sum - __builtin_log(found.sum / found.otherSum);
  return found;
}

void divergence(const float* p, const float* q, int64_t rows, int64_t n, float* out) {
  for (int64_t r = 0; r < rows; r++) out[r] = static_cast<float>(divergenceOf(p + r * n, q + r * n, n).value);
}

void divergenceGradient(bool byFirst, const float* p, const float* q, const float* dy, int64_t rows, int64_t n, float* out) {
  for (int64_t r = 0; r < rows; r++, p += n, q += n, out += n) {
    const Divergence of = divergenceOf(p, q, n);
    const F top = all(of.peak), otherTop = all(of.otherPeak);
    const F first = all(static_cast<float>(dy[r] / of.sum)), second = all(static_cast<float>(dy[r] / of.otherSum));
    // log p - log q - KL is x - y less this
    const F offset = all(static_cast<float>(of.value + __builtin_log(of.sum / of.otherSum)));
    for (int64_t i = 0; i < n; i += width) {
      const F x = loadUpTo(p + i, n - i) - top, y = loadUpTo(q + i, n - i) - otherTop, e = exp(x);
      const F pulled = byFirst ? e * first * (x - y - offset) : exp(y) * second - e * first;
      storeUpTo(out + i, pulled, n - i);
    }
  }
}

}  // namespace

extern const SoftmaxKernels softmaxKernels;
const SoftmaxKernels softmaxKernels = {softmax, crossEntropy, crossEntropyGradient, divergence, divergenceGradient};

}  // namespace kvfold::KVFOLD_ISA
