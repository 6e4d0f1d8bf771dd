#include "gemm-f32.h"

#include <cstring>

#include "simd.h"

namespace kvfold::KVFOLD_ISA {
namespace {

// 32 registers of 16 floats: 14 x 2 sums, 2 of B, 1 of A. 16 of 8: 6 x 2 sums. 16 of 4: 4 x 2 sums (no fused product).
// A strip of B is 48 KB with AVX-512; with AVX2 it is 16 KB, half the first-level cache.
#if defined(__AVX512F__)
constexpr int tileRows = 14, tileDepth = 384;
constexpr bool keepsB = false;
#elif defined(__AVX2__) || defined(__ARM_NEON)
constexpr int tileRows = 6, tileDepth = 256;
constexpr bool keepsB = true;
#else
constexpr int tileRows = 4, tileDepth = 256;
constexpr bool keepsB = true;
#endif
constexpr int tileVectors = 2;
constexpr int tileColumns = tileVectors * width;

/** Copies lines that are contiguous in memory into a strip `stripWidth` wide, elements `[k, depth)`: a transposition. */
template <int stripWidth>
void packAcrossSlow(const float* from, int64_t lineStride, int64_t count, int64_t k, int64_t depth, float* strip) {
  for (; k < depth; k++) {
    for (int i = 0; i < stripWidth; i++) strip[k * stripWidth + i] = i < count ? from[i * lineStride + k] : 0;
  }
}

#if defined(__AVX512F__) || defined(__AVX2__)
/**
 * Eight elements of each of `lines` <= 8 lines, transposed; writes rows of eight `stripWidth` apart, of which the part behind
 * `lines` is arbitrary.
 */
template <int lines, int stripWidth>
KVFOLD_INLINE void transpose8(const float* from, int64_t lineStride, float* to) {
  __m256 r[8], t[8];
  for (int i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(from + (i < lines ? i : 0) * lineStride);
  for (int i = 0; i < 4; i++) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 2; i++) {
    r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) _mm256_storeu_ps(to + i * stripWidth, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
  for (int i = 0; i < 4; i++) _mm256_storeu_ps(to + (i + 4) * stripWidth, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
}

template <int stripWidth>
void packAcrossStrip(const float* from, int64_t lineStride, int64_t count, int64_t depth, float* strip) {
  constexpr int whole = stripWidth / 8 * 8, rest = stripWidth - whole;
  int64_t k = 0;
  if (count == stripWidth) {
    // The rest of a strip's width is stored first, for its stores reach into the next row; so the last rows are done singly.
    for (; k + 8 <= depth - (rest > 0); k += 8) {
      float* to = strip + k * stripWidth;
      if constexpr (rest > 0) transpose8<rest, stripWidth>(from + whole * lineStride + k, lineStride, to + whole);
      for (int i = 0; i < whole; i += 8) transpose8<8, stripWidth>(from + i * lineStride + k, lineStride, to + i);
    }
  }
  packAcrossSlow<stripWidth>(from, lineStride, count, k, depth, strip);
}
#else
template <int stripWidth>
void packAcrossStrip(const float* from, int64_t lineStride, int64_t count, int64_t depth, float* strip) {
  packAcrossSlow<stripWidth>(from, lineStride, count, 0, depth, strip);
}
#endif

template <int stripWidth>
void packAcross(const float* from, int64_t lineStride, int64_t count, int64_t depth, float* strips) {
  for (int64_t i = 0; i < count; i += stripWidth) {
    const int64_t left = count - i;
    packAcrossStrip<stripWidth>(from + i * lineStride, lineStride, left < stripWidth ? left : stripWidth, depth, strips + i * depth);
  }
}

/** Copies rows that already run along the strips' width. */
template <int stripWidth>
void packAlong(const float* from, int64_t depthStride, int64_t count, int64_t depth, float* strips) {
  const int64_t whole = count / stripWidth * stripWidth;
  for (int64_t k = 0; k < depth; k++) {
    const float* line = from + k * depthStride;
    float* to = strips + k * stripWidth;
    for (int64_t i = 0; i < whole; i += stripWidth) memcpy(to + i * depth, line + i, stripWidth * sizeof(float));
    if (whole == count) continue;
    for (int64_t i = 0; i < stripWidth; i++) to[whole * depth + i] = whole + i < count ? line[whole + i] : 0;
  }
}

void packA(const MatrixF32& a, int64_t row, int64_t count, int64_t k, int64_t depth, float* strips) {
  const float* from = a.data + row * a.rowStride + k * a.columnStride;
  if (a.columnStride == 1) return packAcross<tileRows>(from, a.rowStride, count, depth, strips);
  packAlong<tileRows>(from, a.columnStride, count, depth, strips);
}

void packB(const MatrixF32& b, int64_t k, int64_t depth, int64_t column, int64_t count, float* strips) {
  const float* from = b.data + k * b.rowStride + column * b.columnStride;
  if (b.columnStride == 1) return packAlong<tileColumns>(from, b.rowStride, count, depth, strips);
  packAcross<tileColumns>(from, b.columnStride, count, depth, strips);
}

template <int rows, int vectors>
void tileOf(const float* __restrict a, const float* __restrict b, int64_t depth, float* __restrict c, int64_t cStride,
            int64_t columnCount, bool accumulate) {
  F sums[rows][vectors];
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < vectors; j++) sums[i][j] = all(0);
    __builtin_prefetch(c + i * cStride, 1);
  }
  for (int64_t k = 0; k < depth; k++) {
    F row[vectors];
    for (int j = 0; j < vectors; j++) row[j] = load(b + k * tileColumns + j * width);
    for (int i = 0; i < rows; i++) {
      const F x = all(a[k * tileRows + i]);
      for (int j = 0; j < vectors; j++) sums[i][j] = fma(x, row[j], sums[i][j]);
    }
  }
  const int64_t last = columnCount - (vectors - 1) * width;
  for (int i = 0; i < rows; i++) {
    float* line = c + i * cStride;
    for (int j = 0; j < vectors; j++) {
      float* at = line + j * width;
      if (j < vectors - 1 || last == width) {
        store(at, accumulate ? add(load(at), sums[i][j]) : sums[i][j]);
      } else {
        storeFirst(at, accumulate ? add(loadFirst(at, last), sums[i][j]) : sums[i][j], last);
      }
    }
  }
}

template <int vectors>
void tileRowsOf(const float* a, const float* b, int64_t depth, float* c, int64_t cStride, int64_t rowCount,
                int64_t columnCount, bool accumulate) {
#define KVFOLD_ROWS(n) \
  case n: return tileOf<(n <= tileRows ? n : tileRows), vectors>(a, b, depth, c, cStride, columnCount, accumulate);
  switch (rowCount) {
    KVFOLD_ROWS(1)
    KVFOLD_ROWS(2)
    KVFOLD_ROWS(3)
    KVFOLD_ROWS(4)
    KVFOLD_ROWS(5)
    KVFOLD_ROWS(6)
    KVFOLD_ROWS(7)
    KVFOLD_ROWS(8)
    KVFOLD_ROWS(9)
    KVFOLD_ROWS(10)
    KVFOLD_ROWS(11)
    KVFOLD_ROWS(12)
    KVFOLD_ROWS(13)
    KVFOLD_ROWS(14)
  }
#undef KVFOLD_ROWS
}

void tile(const float* a, const float* b, int64_t depth, float* c, int64_t cStride, int64_t rowCount,
          int64_t columnCount, bool accumulate) {
  if (columnCount > width) return tileRowsOf<2>(a, b, depth, c, cStride, rowCount, columnCount, accumulate);
  tileRowsOf<1>(a, b, depth, c, cStride, rowCount, columnCount, accumulate);
}

void roundToBf16(float* x, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    // a NaN whose payload is in the lower half stays one
    const uint32_t nan = (bits & 0xff800000) | 0x400000;
    bits = (bits & 0x7fffffff) > 0x7f800000 ? nan : rounded;
    memcpy(x + i, &bits, sizeof bits);
  }
}

}  // namespace

extern const GemmF32Kernels gemmF32Kernels;
const GemmF32Kernels gemmF32Kernels = {tileRows, tileColumns, tileDepth, keepsB, packA, packB, tile, roundToBf16};

}  // namespace kvfold::KVFOLD_ISA
