// float32 products with few rows on one side, where packing a matrix would cost more than the product.
#pragma once
#include "../kernels/gemm-f32.h"

namespace kvfold {

/**
 * `c [m, n] = a [m, k] b [k, n] + bias` with rows of c `cStride` apart, in passes over b.
 *
 * @returns false when there is no memory
 */
bool fewRows(const MatrixF32& a, const MatrixF32& b, float* c, int64_t cStride, int64_t m, int64_t n, int64_t k,
             const float* bias);

/** Up to this many rows `fewRows` is faster than packing. */
constexpr int64_t fewRowsLimit = 8;

}  // namespace kvfold
