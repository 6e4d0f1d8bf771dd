// With n_t = z_t pooled_t, Gn_t = dPooled_t / z_t and Gz_t = dZ_t - (dPooled_t . pooled_t) / z_t:
//   dItem_s  = omega_s sum over t of C(s,t) Gn_t
//   dOmega_s = sum over t of C(s,t) u(s,t)                     u(s,t) = Gn_t . item_s + Gz_t
//   dAlpha_i = sum over s < i <= t of C(s,i-1) omega_s u(s,t) C(i,t)
#include "dmc-pool-parts.h"
#include "simd-reduce.h"

namespace kvfold::KVFOLD_ISA {
namespace {

/** `dots[m]` = the row `g` times the row `x - m dim`, for m < count; writes whole vectors of sums. */
void dotsBack(const float* g, const float* x, int64_t count, int64_t dim, float* dots) {
  for (int64_t first = 0; first < count; first += sumsTogether) {
    QuadSums sums;
    for (int quad = 0; quad < sumsTogether / 4; quad++) {
      F totals[4] = {all(0), all(0), all(0), all(0)};
      const float* rows[4];
      for (int i = 0; i < 4; i++) {
        const int64_t m = first + 4 * quad + i;
        rows[i] = x - (m < count ? m : count - 1) * dim;
      }
      if (first + 4 * quad < count) {
        for (int64_t c = 0; c < dim; c += width) {
          const F of = loadUpTo(g + c, dim - c);
          KVFOLD_UNROLL
          for (int i = 0; i < 4; i++) totals[i] = fma(of, loadUpTo(rows[i] + c, dim - c), totals[i]);
        }
      }
      sums.put(quad, totals[0], totals[1], totals[2], totals[3]);
    }
    sums.finish(dots + first);
  }
}

/** The numbers of each token, and `shares[t]` = 1 / z_t. */
void pullScalars(const DmcPoolTask& task, const DmcPoolPull& pull, const float* chain, float* shares, float* reach, float* dots) {
  memset(pull.dAlpha, 0, static_cast<size_t>(task.tokens) * sizeof(float));
  memset(pull.dOmega, 0, static_cast<size_t>(task.tokens) * sizeof(float));
  for (int64_t t = 0; t < task.tokens; t++) {
    const int64_t count = fillReach(task, chain, t, reach);
    dotsBack(pull.dPooled + t * task.dim, task.items + t * task.dim, count, task.dim, dots);
    float z = 0, along = 0;
    for (int64_t m = 0; m < count; m++) {
      const float weight = reach[m] * task.omega[t - m];
      z += weight;
      along += weight * dots[m];
    }
    const float share = shares[t] = 1 / z, ofZ = pull.dZ[t] - along * share * share;
    // the sum over s <= i of C(s,i) omega_s u(s,t), from the window's start on
    float earlier = 0;
    for (int64_t m = count - 1; m >= 0; m--) {
      const int64_t s = t - m;
      const float u = dots[m] * share + ofZ;
      pull.dAlpha[s] += earlier * reach[m];
      pull.dOmega[s] += u * reach[m];
      earlier = chain[s] * earlier + task.omega[s] * u;
    }
  }
}

void pullWindow(const DmcPoolTask& task, const DmcPoolPull& pull, const float* chain, float* shares, float* memory) {
  float* const weights = memory;
  pullScalars(task, pull, chain, shares, weights, weights + windowMemory(task.tokens, task.window));
  for (int64_t s = 0; s < task.tokens; s++) {
    const int64_t count = task.tokens - s < task.window ? task.tokens - s : task.window;
    float product = 1;
    for (int64_t m = 0; m < count; m++) {
      if (m > 0) product = reached(product * chain[s + m]);
      weights[m] = product * shares[s + m];
    }
    sumRows(pull.dPooled + s * task.dim, task.dim, weights, count, task.omega[s], task.dim, pull.dItems + s * task.dim);
  }
}

/** As above with every token in the window: sums over t >= s follow from those over t >= s + 1. */
void pullAll(const DmcPoolTask& task, const DmcPoolPull& pull, const float* chain, float* z, float* memory) {
  const int64_t dim = task.dim;
  float* const later = memory;
  float* const sums = memory + dim;
  for (int64_t t = 0; t < task.tokens; t++) {
    const float* item = task.items + t * dim;
    z[t] = (t == 0 ? 0 : chain[t] * z[t - 1]) + task.omega[t];
    combine(task.omega[t], item, chain[t], t == 0 ? item : sums + (t - 1) * dim, dim, sums + t * dim);
  }
  memset(later, 0, static_cast<size_t>(dim) * sizeof(float));
  float laterZ = 0;
  for (int64_t t = task.tokens - 1; t >= 0; t--) {
    const float share = 1 / z[t], kept = t + 1 == task.tokens ? 0 : chain[t + 1];
    const float* g = pull.dPooled + t * dim;
    laterZ = pull.dZ[t] - dot(g, sums + t * dim, dim) * share * share + kept * laterZ;
    combine(share, g, kept, later, dim, later);
    combine(task.omega[t], later, 0, later, dim, pull.dItems + t * dim);
    pull.dOmega[t] = dot(later, task.items + t * dim, dim) + laterZ;
    pull.dAlpha[t] = t == 0 ? 0 : dot(later, sums + (t - 1) * dim, dim) + z[t - 1] * laterZ;
  }
}

}  // namespace

void pullPool(const DmcPoolTask& task, const DmcPoolPull& pull, float* memory) {
  float* const chain = memory;
  float* const perToken = chain + task.tokens;
  fillChain(task, chain);
  if (task.window >= task.tokens) {
    pullAll(task, pull, chain, perToken, perToken + task.tokens);
  } else {
    pullWindow(task, pull, chain, perToken, perToken + task.tokens);
  }
}

}  // namespace kvfold::KVFOLD_ISA
