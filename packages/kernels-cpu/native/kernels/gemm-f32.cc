#include "gemm-f32.h"

#include "simd.h"

namespace kvfold::KVFOLD_ISA {
namespace {

// 32 registers of 16 floats: 14 x 2 sums, 2 of B, 1 of A. 16 of 8: 6 x 2 sums. 16 of 4: 4 x 2 sums (no fused product).
#if defined(__AVX512F__)
constexpr int tileRows = 14;
#elif defined(__AVX2__) || defined(__ARM_NEON)
constexpr int tileRows = 6;
#else
constexpr int tileRows = 4;
#endif
constexpr int tileVectors = 2;
constexpr int tileColumns = tileVectors * width;

/** Copies `count` lines of a matrix whose lines are contiguous in memory into a strip `stripWidth` wide: a transposition. */
template <int stripWidth>
void packAcross(const float* from, int64_t lineStride, int64_t count, int64_t depth, float* strip) {
  for (int i = 0; i < stripWidth; i++) {
    float* to = strip + i;
    if (i >= count) {
      for (int64_t k = 0; k < depth; k++) to[k * stripWidth] = 0;
      continue;
    }
    const float* line = from + i * lineStride;
    for (int64_t k = 0; k < depth; k++) to[k * stripWidth] = line[k];
  }
}

#if defined(__AVX512F__) || defined(__AVX2__)
/** Eight lines of eight floats, transposed; writes rows of eight `stripWidth` apart. */
KVFOLD_INLINE void transpose8(const float* from, int64_t lineStride, float* to, int64_t stripWidth) {
  __m256 r[8], t[8];
  for (int i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(from + i * lineStride);
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
  for (int i = 0; i < 4; i++) {
    _mm256_storeu_ps(to + i * stripWidth, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * stripWidth, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}

template <int stripWidth>
void packAcrossFast(const float* from, int64_t lineStride, int64_t count, int64_t depth, float* strip) {
  if (count < stripWidth) return packAcross<stripWidth>(from, lineStride, count, depth, strip);
  const int64_t whole = depth / 8 * 8;
  int i = 0;
  for (; i + 8 <= stripWidth; i += 8) {
    for (int64_t k = 0; k < whole; k += 8) {
      transpose8(from + i * lineStride + k, lineStride, strip + k * stripWidth + i, stripWidth);
    }
  }
  for (; i < stripWidth; i++) {
    const float* line = from + i * lineStride;
    for (int64_t k = 0; k < whole; k++) strip[k * stripWidth + i] = line[k];
  }
  for (i = 0; i < stripWidth; i++) {
    const float* line = from + i * lineStride;
    for (int64_t k = whole; k < depth; k++) strip[k * stripWidth + i] = line[k];
  }
}
#else
template <int stripWidth>
void packAcrossFast(const float* from, int64_t lineStride, int64_t count, int64_t depth, float* strip) {
  packAcross<stripWidth>(from, lineStride, count, depth, strip);
}
#endif

/** Copies rows that already run along the strip's width. */
template <int stripWidth>
void packAlong(const float* from, int64_t depthStride, int64_t count, int64_t depth, float* strip) {
  for (int64_t k = 0; k < depth; k++) {
    const float* line = from + k * depthStride;
    float* to = strip + k * stripWidth;
    if (count == stripWidth) {
      for (int i = 0; i < stripWidth; i++) to[i] = line[i];
    } else {
      for (int64_t i = 0; i < count; i++) to[i] = line[i];
      for (int64_t i = count; i < stripWidth; i++) to[i] = 0;
    }
  }
}

void packA(const MatrixF32& a, int64_t row, int64_t count, int64_t k, int64_t depth, float* strip) {
  const float* from = a.data + row * a.rowStride + k * a.columnStride;
  if (a.columnStride == 1) return packAcrossFast<tileRows>(from, a.rowStride, count, depth, strip);
  packAlong<tileRows>(from, a.columnStride, count, depth, strip);
}

void packB(const MatrixF32& b, int64_t k, int64_t depth, int64_t column, int64_t count, float* strip) {
  const float* from = b.data + k * b.rowStride + column * b.columnStride;
  if (b.columnStride == 1) return packAlong<tileColumns>(from, b.rowStride, count, depth, strip);
  packAcrossFast<tileColumns>(from, b.columnStride, count, depth, strip);
}

template <int rows, int vectors>
void tileOf(const float* __restrict a, const float* __restrict b, int64_t depth, float* __restrict c, int64_t cStride,
            int64_t columnCount, bool accumulate) {
  F sums[rows][vectors];
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < vectors; j++) sums[i][j] = all(0);
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
const GemmF32Kernels gemmF32Kernels = {tileRows, tileColumns, packA, packB, tile, roundToBf16};

}  // namespace kvfold::KVFOLD_ISA
