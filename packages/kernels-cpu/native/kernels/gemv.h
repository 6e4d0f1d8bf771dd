// Packed weights times a few rows of activations, one pass over the weights: the products of decoding.
#pragma once
#include <cstdint>

#include "weight-format.h"

namespace kvfold {

/** Most rows of x that one pass over the weights takes. */
constexpr int maximumGemvRows = 8;

/** `y[r][o] = sum over i of weights[o][i] x[r][i] + bias[o]`. */
struct GemvTask {
  /** `[outputs, inputs]`, rows of packed values. */
  const uint8_t* weights;
  int64_t rowBytes;
  int64_t inputs;
  /** `[rows, inputs]`, 1 to `maximumGemvRows` rows. */
  const float* x;
  int rows;
  /** `[rows, outputs]`, rows `yStride` apart. */
  float* y;
  int64_t yStride;
  /** `[outputs]`, or null. */
  const float* bias;
};

/** The outputs `[begin, end)`. An output's sums are the same however outputs and rows are grouped. */
using GemvFunction = void (*)(const GemvTask& task, int64_t begin, int64_t end);

struct GemvKernels {
  /** By format; activations in float32. */
  GemvFunction exact[weightFormatCount];
  /** Decodes `count` values from value `first` of a row, both multiples of 64 but for the end of the row. */
  void (*unpack[weightFormatCount])(const uint8_t* row, int64_t first, int64_t count, float* out);
};

}  // namespace kvfold
