// Several linear layers with packed weights on the same rows, such as q, k and v.
#pragma once
#include "packed-linear.h"

namespace kvfold {

/** Most layers of a group. */
constexpr int maximumGroup = 3;

struct LinearGroup {
  PackedLinear layers[maximumGroup];
  int count;
  /** `[rows, outputs]` of each layer. */
  float* y[maximumGroup];
};

/** `y[i] = x [rows, inputs] weights[i]^T + bias[i]`. @returns false when there is no memory */
bool linearGroup(const LinearGroup& group, const float* x, int64_t rows);

/**
 * `y [rows, outputs] = residual + x weights^T + bias`. `y` must not overlap x; it may be `residual`.
 *
 * @returns false when there is no memory
 */
bool linearOnto(const PackedLinear& layer, const float* x, int64_t rows, const float* residual, float* y);

}  // namespace kvfold
