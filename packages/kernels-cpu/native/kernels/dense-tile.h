// Dense float32 products on matrix tiles (AMX) in bfloat16 terms; see tile-gemm.h for the terms.
#pragma once
#include <cstdint>

#include "tile-gemm.h"

namespace kvfold {

/** Which side of a dense product a packed matrix is. */
enum class TileSide { left, right };

// Dense products: the left matrix in strips of 16 rows, the right one in strips of 16 columns, whose tiles hold pairs of
// depths as packed activations do. "Lines" are rows of the left matrix and columns of the right one.
struct DenseTileKernels {
  /**
   * Splits `count` lines of `depth` floats into `terms` terms; absent lines of the last strip and absent depths are 0. Float
   * (line, depth) is at `from[line * lineStride + depth * depthStride]`, where one of the strides is 1. Strips are `strip`
   * numbers apart. @returns false when a float is too large to be split, infinite or NaN (`splitLimit`)
   */
  bool (*pack)(TileSide side, const float* from, int64_t lineStride, int64_t depthStride, int64_t count, int64_t depth,
               int terms, uint16_t* tiles, int64_t strip);

  /**
   * `c [rows, columns] (+)=` the product of strips that are `leftStrip` and `rightStrip` numbers apart, over `depths` tiles.
   * Of `terms` terms of each side those products are summed that are not below the last term.
   */
  void (*multiply)(int terms, const uint16_t* left, int64_t leftStrip, const uint16_t* right, int64_t rightStrip,
                   int64_t depths, float* c, int64_t cStride, int64_t rows, int64_t columns, bool accumulate);
};

/**
 * Floats from here on are not split: the products of their terms could overflow where the product of the floats does not,
 * and the terms of an infinity are NaN.
 */
constexpr float splitLimit = 0x1p60f;

}  // namespace kvfold
