// float32 matrix products of any size, cut for the caches and shared by the threads.
#pragma once
#include <cstdint>

#include "../kernels/gemm-f32.h"

namespace kvfold {

/** The right side of a product in another form than float32: packs strips as `GemmF32Kernels::packB` does. */
struct StripSource {
  void (*pack)(const void* context, const GemmF32Kernels& kernels, int64_t k, int64_t depth, int64_t column,
               int64_t count, float* strips);
  const void* context;
};

/** `c [m, n] = a [m, k] b [k, n]` with b from a source. @returns false when there is no memory */
bool gemmF32From(const MatrixF32& a, const StripSource& b, float* c, int64_t m, int64_t n, int64_t k);

/** Strips from a source are at most this deep; they start at multiples of 128. */
constexpr int64_t deepestStrip = 384;

/** What happens to the operands of `gemmF32`; sums are in float32 in any case. */
enum class MatmulPrecision {
  /** As exact as products and sums in float32. */
  float32,
  /** Rounded to bfloat16, but for products of a few rows, which gain nothing by it. */
  bf16,
};

/** For the whole process; float32 at first. */
void setMatmulPrecision(MatmulPrecision precision);

/**
 * `c [m, n] = a [m, k] b [k, n]`, with rows of c `n` apart; `batch` products whose matrices lie `aStep`, `bStep` and
 * `m * n` floats apart (a step of 0 repeats the matrix). The result does not depend on the number of threads.
 *
 * @returns false when there is no memory for the packed copies
 */
bool gemmF32(const MatrixF32& a, const MatrixF32& b, float* c, int64_t m, int64_t n, int64_t k, int64_t batch = 1,
             int64_t aStep = 0, int64_t bStep = 0);

}  // namespace kvfold
