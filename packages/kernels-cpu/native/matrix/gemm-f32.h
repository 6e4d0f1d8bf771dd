// float32 matrix products of any size, cut for the caches and shared by the threads.
#pragma once
#include <cstdint>

#include "../kernels/gemm-f32.h"

namespace kvfold {

/**
 * `c [m, n] = a [m, k] b [k, n]`, with rows of c `n` apart; `batch` products whose matrices lie `aStep`, `bStep` and
 * `m * n` floats apart (a step of 0 repeats the matrix). The result does not depend on the number of threads.
 *
 * @returns false when there is no memory for the packed copies
 */
bool gemmF32(const MatrixF32& a, const MatrixF32& b, float* c, int64_t m, int64_t n, int64_t k, int64_t batch = 1,
             int64_t aStep = 0, int64_t bStep = 0);

}  // namespace kvfold
