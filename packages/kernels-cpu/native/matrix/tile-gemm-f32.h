// Dense float32 products on matrix tiles (AMX): packing, blocks for the caches, sharing by the threads.
#pragma once
#include <cstdint>

#include "../kernels/gemm-f32.h"

namespace kvfold {

/** How a product on tiles ended; in the other cases c holds nothing of use. */
enum class TileOutcome { done, noMemory, tooLarge };

/** bfloat16 terms of each operand: one, its rounding to 8 bits, or three, all its 24 bits. */
enum class TileTerms { one = 1, three = 3 };

/** True when the chosen kernels have tiles and the product is large enough to gain by them. */
bool tilesGain(int64_t m, int64_t n, int64_t k, TileTerms terms);

/**
 * `c [m, n] = a [m, k] b [k, n]` with sums in float32. Three terms keep the precision of float32 products but for numbers
 * below 1e-31, of which they keep 8 to 16 bits; they refuse operands from 2^60 up, infinite and NaN (`tooLarge`).
 */
TileOutcome tileGemmF32(const MatrixF32& a, const MatrixF32& b, float* c, int64_t m, int64_t n, int64_t k, TileTerms terms);

}  // namespace kvfold
