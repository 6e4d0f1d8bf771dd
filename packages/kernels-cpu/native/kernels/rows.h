// Small row-wise kernels of the contract: rotary embedding, the optimiser's update, sums of rows by id.
#pragma once
#include <cstdint>

namespace kvfold {

/** Decay rates and factors of one AdamW update. */
struct AdamWStep {
  float beta1, beta2, epsilon;
  /** 1 - beta1 and 1 - beta2, which float32 would not give from the betas. */
  float rest1, rest2;
  /** learningRate / (1 - beta1^step) */
  float rate;
  /** 1 / (1 - beta2^step) */
  float correction;
  /** 1 - learningRate weightDecay */
  float keep;
};

struct RowKernels {
  /** Turns channel i and i + half of one head by the angle i; channels from 2 half on pass through. `y` may be `x`. */
  void (*rotate)(const float* x, const float* cos, const float* sin, int64_t half, int64_t dim, float* y);
  void (*adamW)(const AdamWStep& step, const float* param, const float* grad, const float* m, const float* v, float* nextParam,
                float* nextM, float* nextV, int64_t n);
  /** to += from */
  void (*addTo)(float* to, const float* from, int64_t n);
};

}  // namespace kvfold
