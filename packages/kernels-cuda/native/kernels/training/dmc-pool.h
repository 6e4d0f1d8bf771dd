// DMC's windowed averages: a block takes 64 tokens of a lane.
#pragma once
#include "../args/dmc-pool.h"
#include "../device/warp.h"
#include "../math/dmc.h"

namespace kvfold {

/** What is left of token t - 1's sums in token t's. */
KVFOLD_DEVICE float chainOf(const float* alpha, int t) { return t == 0 ? 0 : reached(alpha[t]); }

/** Tokens of the window that ends at t. */
KVFOLD_DEVICE int windowOf(int t, int window) { return t + 1 < window ? t + 1 : window; }

/** Calls `take(m, C(t - m, t))` for the tokens of the window that ends at t. */
template <class Take>
KVFOLD_DEVICE void eachReach(const float* alpha, int t, int window, Take&& take) {
  float product = 1;
  for (int m = 0; m < windowOf(t, window); m++) {
    take(m, product);
    product = reached(product * chainOf(alpha, t - m));
  }
}

KVFOLD_DEVICE void poolForward(const DmcPoolArgs& args) {
  __shared__ float weights[poolTokens][mostPoolWindow + 1];
  const int first = static_cast<int>(blockIdx.x) * poolTokens;
  const int64_t base = static_cast<int64_t>(blockIdx.y) * args.tokens;
  const float* alpha = at<const float>(args.alpha) + base;
  const float* omega = at<const float>(args.omega) + base;
  const int own = first + static_cast<int>(threadIdx.x);
  if (threadIdx.x < poolTokens && own < args.tokens) {
    float z = 0;
    eachReach(alpha, own, args.window, [&](int m, float reach) { z += weights[threadIdx.x][m] = reach * omega[own - m]; });
    for (int m = 0; m < windowOf(own, args.window); m++) weights[threadIdx.x][m] /= z;
    at<float>(args.z)[base + own] = z;
  }
  __syncthreads();
  const float* items = at<const float>(args.items) + base * args.width;
  for (int c = threadIdx.x; c < args.width; c += poolThreads) {
    for (int t = first; t < first + poolTokens && t < args.tokens; t++) {
      float sum = 0;
      for (int m = 0; m < windowOf(t, args.window); m++) sum += weights[t - first][m] * items[static_cast<int64_t>(t - m) * args.width + c];
      at<float>(args.pooled)[(base + t) * args.width + c] = sum;
    }
  }
}

/** One warp a token: products of its gradient with the items of its window, lane m keeps that of m tokens back. */
KVFOLD_DEVICE void poolDots(const DmcPoolGradientArgs& args) {
  const int first = static_cast<int>(blockIdx.x) * poolTokens, lane = threadIdx.x & 31;
  const int64_t base = static_cast<int64_t>(blockIdx.y) * args.tokens;
  const float* alpha = at<const float>(args.alpha) + base;
  const float* omega = at<const float>(args.omega) + base;
  const float* items = at<const float>(args.items) + base * args.width;
  for (int t = first + static_cast<int>(threadIdx.x) / 32; t < first + poolTokens && t < args.tokens; t += static_cast<int>(poolThreads) / 32) {
    const float* pull = at<const float>(args.dPooled) + (base + t) * args.width;
    float ownDot = 0, ownWeight = 0;
    eachReach(alpha, t, args.window, [&](int m, float reach) {
      float dot = 0;
      for (int c = lane; c < args.width; c += 32) dot += pull[c] * items[static_cast<int64_t>(t - m) * args.width + c];
      dot = warpSum(dot);
      if (lane == m) {
        ownDot = dot;
        ownWeight = reach * omega[t - m];
      }
    });
    const float z = warpSum(ownWeight), along = warpSum(ownWeight * ownDot);
    const float ofZ = at<const float>(args.dZ)[base + t] - along / (z * z);
    if (lane == 0) at<float>(args.z)[base + t] = z;
    if (lane < windowOf(t, args.window)) at<float>(args.dots)[(base + t) * args.window + lane] = ownDot / z + ofZ;
  }
}

KVFOLD_DEVICE void poolBackward(const DmcPoolGradientArgs& args) {
  // of the tokens t that may reach the block's: C(t - m, t) / z_t, C(t - m, t) u(t - m, t), and the part of alpha's gradient
  constexpr int reaching = poolTokens + mostPoolWindow - 1;
  __shared__ float shares[reaching][mostPoolWindow + 1];
  __shared__ float pulls[reaching][mostPoolWindow + 1];
  __shared__ float chains[reaching][mostPoolWindow + 1];
  const int first = static_cast<int>(blockIdx.x) * poolTokens;
  const int64_t base = static_cast<int64_t>(blockIdx.y) * args.tokens;
  const float* alpha = at<const float>(args.alpha) + base;
  const float* omega = at<const float>(args.omega) + base;
  const int place = static_cast<int>(threadIdx.x), later = first + place;
  if (place < reaching && later < args.tokens) {
    const float* u = at<const float>(args.dots) + (base + later) * args.window;
    const float z = at<const float>(args.z)[base + later];
    eachReach(alpha, later, args.window, [&](int m, float reach) {
      shares[place][m] = reach / z;
      pulls[place][m] = reach * u[m];
      chains[place][m] = reach;
    });
    float earlier = 0;  // sum over s before t - m of C(s, t - m - 1) omega_s u(s, t)
    for (int m = windowOf(later, args.window) - 1; m >= 0; m--) {
      chains[place][m] *= earlier;
      earlier = chainOf(alpha, later - m) * earlier + omega[later - m] * u[m];
    }
  }
  __syncthreads();
  const int own = first + place;
  if (place < poolTokens && own < args.tokens) {
    float dOmega = 0, dAlpha = 0;
    for (int m = 0; m < args.window && own + m < args.tokens; m++) {
      dOmega += pulls[place + m][m];
      dAlpha += chains[place + m][m];
    }
    at<float>(args.dOmega)[base + own] = dOmega;
    at<float>(args.dAlpha)[base + own] = own == 0 ? 0 : dAlpha;
  }
  for (int c = threadIdx.x; c < args.width; c += poolThreads) {
    for (int s = first; s < first + poolTokens && s < args.tokens; s++) {
      float sum = 0;
      for (int m = 0; m < args.window && s + m < args.tokens; m++) {
        sum += shares[s - first + m][m] * at<const float>(args.dPooled)[(base + s + m) * args.width + c];
      }
      at<float>(args.dItems)[(base + s) * args.width + c] = sum * omega[s];
    }
  }
}

}  // namespace kvfold
