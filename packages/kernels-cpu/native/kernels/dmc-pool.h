// DMC's weighted averages of one lane, for training: forward and backward. With C(s,t) the product of alpha over s+1..t,
// z_t = sum of C(s,t) omega_s and pooled_t = sum of C(s,t) omega_s item_s / z_t over the last `window` tokens s.
//
// A window that holds the whole text is a linear recurrence, forward and backward. Else the window's coefficients are made
// again for every token, so that nothing of tokens x window is ever held. Nothing is divided by alpha.
#pragma once
#include <cstdint>

namespace kvfold {

/** A lane: items `[tokens, dim]`, alpha and omega `[tokens]`. The first token's alpha counts as 0. */
struct DmcPoolTask {
  const float* items;
  const float* alpha;
  const float* omega;
  int64_t tokens;
  int64_t dim;
  int64_t window;
};

/** Gradients of a lane's averages `[tokens, dim]` and weights `[tokens]`, and what becomes of them; all are written. */
struct DmcPoolPull {
  const float* dPooled;
  const float* dZ;
  float* dItems;
  float* dAlpha;
  float* dOmega;
};

/** Products of alpha below this count as 0: they change no sum, and numbers that lose their normal form are slow. */
constexpr float leastReach = 0x1p-100f;

struct DmcPoolKernels {
  /** `pooled [tokens, dim]` and `z [tokens]`, with `dmcPoolMemory` floats to work in. */
  void (*pool)(const DmcPoolTask& task, float* pooled, float* z, float* memory);
  /** With `dmcPoolPullMemory` floats. */
  void (*pull)(const DmcPoolTask& task, const DmcPoolPull& pull, float* memory);
};

/** Floats for one number of each token of a window, in whole vectors of sums. */
constexpr int64_t windowMemory(int64_t tokens, int64_t window) { return (window < tokens ? window : tokens) + 16; }

constexpr int64_t dmcPoolMemory(int64_t tokens, int64_t window) { return tokens + windowMemory(tokens, window); }

constexpr int64_t dmcPoolPullMemory(int64_t tokens, int64_t dim, int64_t window) {
  return 2 * tokens + (window < tokens ? 2 * windowMemory(tokens, window) : (tokens + 1) * dim);
}

}  // namespace kvfold
