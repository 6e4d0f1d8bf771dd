// Linear layers with packed weights for many rows, on matrix tiles.
#pragma once
#include "packed-linear.h"

namespace kvfold {

/** True when the chosen kernels have tiles and the format gains by them. */
bool tilesFit(WeightFormat format);

/** Most layers of one call. */
constexpr int maximumTileLayers = 3;

/**
 * As `packedLinear`, for one to `maximumTileLayers` layers on the same rows. `digits` as in `setActivationDigits`: with 3 the result is as exact as in float32, with 2 the operands
 * are rounded to 17 bits, with 1 to the 8 bits of bfloat16.
 */
bool tileLinears(const PackedLinear* layers, int count, const float* x, int64_t rows, float* const* y, int digits);

}  // namespace kvfold
