// Conversions between the element types of tensors, and choice by a condition.
#pragma once
#include <cstdint>

namespace kvfold {

struct ConvertKernels {
  void (*intsToFloats)(const int32_t* x, float* out, int64_t n);
  void (*bytesToFloats)(const uint8_t* x, float* out, int64_t n);
  void (*bytesToInts)(const uint8_t* x, int32_t* out, int64_t n);
  /** As JavaScript does: without the fraction, modulo 2^32; NaN and infinities are 0. */
  void (*floatsToInts)(const float* x, int32_t* out, int64_t n);
  /** Elements of 4 bytes of any type: of `yes` where the condition is not 0, else of `no`. */
  void (*select)(const uint8_t* condition, const int32_t* yes, const int32_t* no, int32_t* out, int64_t n);
};

}  // namespace kvfold
