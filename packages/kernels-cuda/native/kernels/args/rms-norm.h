// Root-mean-square normalisation and its gradient. Rows of any length.
#pragma once
#include <cstdint>

namespace kvfold {

/**
 * `kvfold_rms_norm`: y = x / sqrt(mean(x^2) + epsilon) * (weight + weightOffset), with x = `x` + `residual`. Grid: rows,
 * block `rmsNormThreads(dim)`. Results may lie over `x` and `residual`.
 */
struct RmsNormArgs {
  uint64_t x;         // float32 [rows, dim]
  uint64_t residual;  // float32 [rows, dim], added before; 0: none
  uint64_t weight;    // float32 [dim]
  uint64_t sum;       // float32 [rows, dim], written: x + residual; 0: not wanted
  uint64_t y;         // float32 [rows, dim], written; 0: not wanted
  uint64_t yBf16;     // bf16 [rows, dim], written: for products; 0: not wanted
  int32_t dim;
  float epsilon;
  float weightOffset;
};

constexpr unsigned rmsNormThreads(int32_t dim) {
  return dim <= 1024 ? 128 : dim <= 4096 ? 256 : 512;
}

/** `kvfold_rms_norm_gradient`: dx, and each row's scale for the weight's gradient. Grid and block as `kvfold_rms_norm`. */
struct RmsNormGradientArgs {
  uint64_t x;       // float32 [rows, dim]
  uint64_t weight;  // float32 [dim]
  uint64_t dy;      // float32 [rows, dim]
  uint64_t dx;      // float32 [rows, dim], written
  uint64_t scales;  // float32 [rows], written: 1 / sqrt(mean(x^2) + epsilon)
  int32_t dim;
  float epsilon;
  float weightOffset;
};

/**
 * `kvfold_rms_norm_weight_gradient`: dWeight = sum over rows of dy x scale, always in the same order. Grid
 * `[ceil(dim / 32), stretches]` with `planWeightGradient(rows)` stretches, block `[32, 8]`.
 */
struct RmsNormWeightGradientArgs {
  uint64_t x;         // float32 [rows, dim]
  uint64_t dy;        // float32 [rows, dim]
  uint64_t scales;    // float32 [rows]
  uint64_t partials;  // float32 [stretches, dim], scratch
  uint64_t arrivals;  // int32 [ceil(dim / 32)], zeros; left as zeros
  uint64_t dWeight;   // float32 [dim], written
  int32_t rows;
  int32_t dim;
};

constexpr unsigned planWeightGradient(int32_t rows) { return rows <= 64 ? 1 : rows >= 4096 ? 64 : static_cast<unsigned>(rows) / 64; }

}  // namespace kvfold
