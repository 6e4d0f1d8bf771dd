// Weights in blocks of 256 (q4_k, q6_k) times one row of coded activations: a block's products are whole numbers to its end.
//
// The 256 activations of a block share a scale: x = scale Q with whole numbers Q of 8, 16 or 24 bits, in one to three digits
// of base 256 from -128 to 127 (one is what llama.cpp does for these formats). The scales of a block's parts are whole
// numbers too, so that the sums of each digit stay exact in 32 bits, and only the block's sum is made a float: a third fewer
// operations than a scale for every part.
#pragma once
#include "coded-gemv.h"

namespace kvfold {

/** Where the parts of a coded row lie. */
struct SuperLayout {
  int64_t blocks;
  int digits;

  /** int8; for each block all its values of the highest digit, then of the next. */
  int64_t digitBytes() const { return blocks * 256 * digits; }
  /** float; scale of each block. */
  int64_t scaleOffset() const { return digitBytes(); }
  /** float; for each block the sums of x over its 8 parts of 32, then over its 16 parts of 16. */
  int64_t sumOffset() const { return scaleOffset() + blocks * 4; }
  static constexpr int sumsOfBlock = 24;
  int64_t bytes() const { return (sumOffset() + blocks * sumsOfBlock * 4 + 63) / 64 * 64; }
};

static inline SuperLayout superLayout(int64_t inputs, int digits) { return {inputs / 256, digits}; }

struct SuperGemvTask {
  /** One row of x. */
  GemvTask task;
  const uint8_t* coded;
  SuperLayout layout;
};

struct SuperGemvKernels {
  /** The outputs `[begin, end)`, by format and digits - 1; null where `CodedGemvKernels` are as fast. */
  void (*gemv[weightFormatCount][maximumDigits])(const SuperGemvTask& task, int64_t begin, int64_t end);
  void (*code)(const float* x, const SuperLayout& layout, uint8_t* row);
};

}  // namespace kvfold
