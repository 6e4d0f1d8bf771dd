// Linear layers with packed weights for many rows, on matrix tiles.
#pragma once
#include "packed-linear.h"

namespace kvfold {

/** True when the chosen kernels have tiles and the format gains by them. */
bool tilesFit(WeightFormat format);

/**
 * As `packedLinear`. `digits` as in `setActivationDigits`: with 3 or 2 the error is that of 17-bit operands (bf16 and f16
 * weights: of float32), with 1 that of bfloat16.
 */
bool tileLinear(const PackedLinear& layer, const float* x, int64_t rows, float* y, int digits);

}  // namespace kvfold
