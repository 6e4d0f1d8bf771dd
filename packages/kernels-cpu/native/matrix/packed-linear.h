// Linear layers with packed weights, for any number of rows.
#pragma once
#include <cstdint>

#include "../kernels/weight-format.h"

namespace kvfold {

struct PackedLinear {
  WeightFormat format;
  /** `[outputs, inputs]`, rows of whole blocks. */
  const uint8_t* weights;
  int64_t outputs;
  int64_t inputs;
  /** `[outputs]`, or null. */
  const float* bias;
};

/**
 * Digits of base 255 in which products with packed weights take the activations (see kernels/coded-x.h); 0 for float32.
 * Holds for the process.
 */
void setActivationDigits(int digits);

int activationDigits();

/** Up to this many rows products are one pass over the weights, whatever else the machine has. */
constexpr int64_t onePassRows = 4;

/** `y [rows, outputs] = x [rows, inputs] weights^T + bias`. @returns false when there is no memory */
bool packedLinear(const PackedLinear& layer, const float* x, int64_t rows, float* y);

}  // namespace kvfold
