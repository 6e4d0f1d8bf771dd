// Linear layers with float32 weights.
#pragma once
#include <cstdint>

namespace kvfold {

/** `y [rows, outputs] = x [rows, inputs] weight [inputs, outputs] + bias`. @returns false when there is no memory */
bool denseLinear(const float* x, int64_t rows, const float* weight, int64_t inputs, int64_t outputs, const float* bias,
                 float* y);

/** Adds `bias [outputs]` to each row of y. */
void addBias(const float* bias, int64_t outputs, int64_t rows, float* y);

}  // namespace kvfold
