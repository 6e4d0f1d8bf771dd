// What DMC's averages and their gradient share.
#pragma once
#include "dmc-pool.h"
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

/** A product of alphas as the sums count it. */
KVFOLD_INLINE float reached(float product) { return product < leastReach ? 0 : product; }

/** `chain[t]`: what is left of token t - 1's sums in token t's. */
KVFOLD_INLINE void fillChain(const DmcPoolTask& task, float* chain) {
  for (int64_t t = 0; t < task.tokens; t++) chain[t] = t == 0 ? 0 : reached(task.alpha[t]);
}

/** `reach[m]` = C(t - m, t) for the tokens of the window that ends at t. @returns how many there are */
KVFOLD_INLINE int64_t fillReach(const DmcPoolTask& task, const float* chain, int64_t t, float* reach) {
  const int64_t count = t + 1 < task.window ? t + 1 : task.window;
  float product = 1;
  for (int64_t m = 0; m < count; m++) {
    reach[m] = product;
    product = reached(product * chain[t - m]);
  }
  return count;
}

/** Vectors of a row that are summed at once. */
constexpr int64_t stripVectors = 4;

/** `out [dim]` = the sum of `weights[m]` times the rows `from + m * step` for m < count, all times `scale`. */
KVFOLD_INLINE void sumRows(const float* from, int64_t step, const float* weights, int64_t count, float scale, int64_t dim, float* out) {
  int64_t c = 0;
  for (; c + stripVectors * width <= dim; c += stripVectors * width) {
    F sums[stripVectors];
    KVFOLD_UNROLL
    for (int i = 0; i < stripVectors; i++) sums[i] = all(0);
    for (int64_t m = 0; m < count; m++) {
      const F weight = all(weights[m]);
      const float* row = from + m * step + c;
      KVFOLD_UNROLL
      for (int i = 0; i < stripVectors; i++) sums[i] = fma(weight, load(row + i * width), sums[i]);
    }
    KVFOLD_UNROLL
    for (int i = 0; i < stripVectors; i++) store(out + c + i * width, mul(sums[i], all(scale)));
  }
  for (; c < dim; c += width) {
    F total = all(0);
    for (int64_t m = 0; m < count; m++) total = fma(all(weights[m]), loadUpTo(from + m * step + c, dim - c), total);
    storeUpTo(out + c, mul(total, all(scale)), dim - c);
  }
}

KVFOLD_INLINE float dot(const float* a, const float* b, int64_t dim) {
  F total = all(0);
  for (int64_t c = 0; c < dim; c += width) total = fma(loadUpTo(a + c, dim - c), loadUpTo(b + c, dim - c), total);
  return sum(total);
}

/** `to [dim]` = `a x + b y`; may be x or y. */
KVFOLD_INLINE void combine(float a, const float* x, float b, const float* y, int64_t dim, float* to) {
  for (int64_t c = 0; c < dim; c += width) {
    storeUpTo(to + c, fma(all(a), loadUpTo(x + c, dim - c), mul(all(b), loadUpTo(y + c, dim - c))), dim - c);
  }
}

}  // namespace kvfold::KVFOLD_ISA
