// What kernels on matrix tiles (AMX) share: splitting floats into bfloat16 terms, transposing, the shapes of tiles.
#pragma once
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

#if defined(__AMX_BF16__)

/** Two vectors rounded to 32 bfloat16. */
KVFOLD_INLINE __m512i roundPair(F low, F high) { return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)); }

KVFOLD_INLINE F lowHalf(__m512i pair) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(pair)), 16));
}

KVFOLD_INLINE F highHalf(__m512i pair) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(pair, 1)), 16));
}

/** The terms of 32 floats. */
KVFOLD_INLINE void split(F low, F high, int terms, __m512i* out) {
  for (int t = 0; t < terms; t++) {
    out[t] = roundPair(low, high);
    low = sub(low, lowHalf(out[t]));
    high = sub(high, highHalf(out[t]));
  }
}

/** Sixteen vectors of sixteen 32-bit lanes, transposed. */
KVFOLD_INLINE void transpose16(__m512i* r) {
  __m512i t[16];
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    for (int h = 0; h < 2; h++) {
      r[4 * i + 2 * h] = _mm512_unpacklo_epi64(t[4 * i + h], t[4 * i + 2 + h]);
      r[4 * i + 2 * h + 1] = _mm512_unpackhi_epi64(t[4 * i + h], t[4 * i + 2 + h]);
    }
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88);
    t[4 + i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xdd);
    t[8 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88);
    t[12 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xdd);
  }
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
    r[8 + i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
    r[4 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88);
    r[12 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd);
  }
}

/** A tile of 16 outputs by 16 rows, to rows of y. */
KVFOLD_INLINE void storeTile(const float* tile, const float* bias, float* y, int64_t yStride, int64_t outputs, int64_t rows) {
  if (outputs <= 0 || rows <= 0) return;
  __m512i lines[16];
  for (int i = 0; i < 16; i++) lines[i] = _mm512_load_si512(tile + 16 * i);
  transpose16(lines);
  const F plus = bias == nullptr ? all(0) : loadUpTo(bias, outputs);
  for (int64_t r = 0; r < 16 && r < rows; r++) storeUpTo(y + r * yStride, add(_mm512_castsi512_ps(lines[r]), plus), outputs);
}

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t startRow = 0;
  uint8_t reserved[14] = {};
  uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

#endif

}  // namespace kvfold::KVFOLD_ISA
