// Activations as fixed-point numbers, for products with packed weights in integer arithmetic.
//
// The 32 values of a block share a scale; each is written as up to three digits of base 255 from -127 to 127:
// x = scale (d0 + d1 / 255 + d2 / 255^2). The error is at most half a unit of the last digit: of the block's largest value,
// 1/254 with one digit (as llama.cpp codes activations), 1/65,000 with two, and 1/16,600,000 with three, which is float32.
#pragma once
#include <cstdint>

#include "weight-format.h"

namespace kvfold {

constexpr int maximumDigits = 3;

/** Where the parts of a coded row lie; blocks are counted up to a multiple of eight, and absent ones are zero. */
struct CodedLayout {
  int64_t blocks;
  int digits;

  /** int8; for each block (or pair of blocks, see `pairsBlocks`) first all values of d0, then of d1, then of d2. */
  int64_t digitBytes() const { return blocks * 32 * digits; }
  /** float; scale of each block, or of each pair as four and four lanes. */
  int64_t scaleOffset() const { return digitBytes(); }
  /** float; sum of x over each block. */
  int64_t sumOffset() const { return scaleOffset() + blocks * 16; }
  /** float; sums of x over its two halves of 16. */
  int64_t halfSumOffset() const { return sumOffset() + blocks * 4; }
  int64_t bytes() const { return (halfSumOffset() + blocks * 8 + 63) / 64 * 64; }
};

static inline CodedLayout codedLayout(int64_t inputs, int digits) { return {(inputs + 255) / 256 * 8, digits}; }

/** True for formats whose block holds its first 16 values in the low halves of 16 bytes: two blocks fill a register. */
constexpr bool pairsBlocks(WeightFormat format) { return format == WeightFormat::q4_0 || format == WeightFormat::q4_1; }

}  // namespace kvfold
