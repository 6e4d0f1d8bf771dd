// Transposes a matrix of float32 between two places in memory.
#pragma once
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

#if defined(__AVX2__)
/** Eight lines of eight floats. */
KVFOLD_INLINE void transposeSquare(const float* from, int64_t fromStride, float factor, float* to, int64_t toStride) {
  __m256 r[8], t[8];
  const __m256 times = _mm256_set1_ps(factor);
  KVFOLD_UNROLL
  for (int i = 0; i < 8; i++) r[i] = _mm256_mul_ps(_mm256_loadu_ps(from + i * fromStride), times);
  KVFOLD_UNROLL
  for (int i = 0; i < 4; i++) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
  KVFOLD_UNROLL
  for (int i = 0; i < 2; i++) {
    r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
  KVFOLD_UNROLL
  for (int i = 0; i < 4; i++) {
    _mm256_storeu_ps(to + i * toStride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * toStride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}
constexpr int transposeSide = 8;
#else
KVFOLD_INLINE void transposeSquare(const float* from, int64_t fromStride, float factor, float* to, int64_t toStride) {
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 4; j++) to[j * toStride + i] = factor * from[i * fromStride + j];
  }
}
constexpr int transposeSide = 4;
#endif

/** `to[j][i] = factor * from[i][j]` for `lines` lines of `length` numbers. */
KVFOLD_INLINE void transposeTimes(const float* from, int64_t fromStride, int64_t lines, int64_t length, float factor, float* to,
                                  int64_t toStride) {
  constexpr int side = transposeSide;
  const int64_t wholeLines = lines / side * side, wholeLength = length / side * side;
  for (int64_t i = 0; i < wholeLines; i += side) {
    for (int64_t j = 0; j < wholeLength; j += side) {
      transposeSquare(from + i * fromStride + j, fromStride, factor, to + j * toStride + i, toStride);
    }
  }
  for (int64_t i = 0; i < lines; i++) {
    for (int64_t j = i < wholeLines ? wholeLength : 0; j < length; j++) to[j * toStride + i] = factor * from[i * fromStride + j];
  }
}

}  // namespace kvfold::KVFOLD_ISA
