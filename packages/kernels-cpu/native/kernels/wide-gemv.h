// Four-bit weights times one row of coded activations in integer arithmetic: four blocks of 32 at once in 512 bits, two in
// AVX2.
//
// The 32 activations of a block share a scale: x = scale Q with whole numbers Q of 8, 16 or 24 bits, written in one to three
// digits of base 256 from -128 to 127. The products with the highest digit are shifted by eight bits before those with the
// next one are added, so that a block's sum is one exact integer. With three digits the error is that of float32.
#pragma once
#include "coded-gemv.h"

namespace kvfold {

/** Where the parts of a coded row lie. Four blocks, a quad, have a part of each; absent blocks are zero. */
struct WideLayout {
  int64_t quads;
  int digits;

  /** int8; for each quad and digit the first 16 values of its four blocks, then the last 16 of each. */
  int64_t digitBytes() const { return quads * 128 * digits; }
  /** float; scale of each block. */
  int64_t scaleOffset() const { return digitBytes(); }
  /** float; sum of x over each block. */
  int64_t sumOffset() const { return scaleOffset() + quads * 16; }
  int64_t bytes() const { return (sumOffset() + quads * 16 + 63) / 64 * 64; }
};

static inline WideLayout wideLayout(int64_t inputs, int digits) { return {(inputs + 127) / 128, digits}; }

struct WideGemvTask {
  /** One row of x. */
  GemvTask task;
  const uint8_t* coded;
  WideLayout layout;
};

struct WideGemvKernels {
  /** The outputs `[begin, end)`, by format and digits - 1; null where the machine or the format has none. */
  void (*gemv[weightFormatCount][maximumDigits])(const WideGemvTask& task, int64_t begin, int64_t end);
  void (*code)(const float* x, int64_t inputs, const WideLayout& layout, uint8_t* row);
};

}  // namespace kvfold
