// Small matrix products of column attention: operands lie as they are, nothing is packed, and each call multiplies few rows.
#pragma once
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

/** Rows of a strip: a whole number of register tiles for every width of tile. */
constexpr int64_t stripRows = 12;

/** What the sums of a product start from. */
enum class From {
  zero,
  /** What is in c. */
  there,
  /** What is in c times a factor for each row. */
  scaled,
  /** A number for each row. */
  rows,
};

/** `c[i][j] = start + sum over n < depth of a(i, n) b[n][j]`. */
struct Product {
  const float* a;
  int64_t aStride;
  const float* b;
  int64_t bStride;
  float* c;
  int64_t cStride;
  int64_t depth;
  From from;
  /** For `scaled` and `rows`. */
  const float* rowNumbers;
};

/** The register tile at (row, column). `across`: a(i, n) is `a[n * aStride + i]`, else `a[i * aStride + n]`. */
template <bool across, int rows, int vectors, bool partial>
KVFOLD_INLINE void productTile(const Product& p, int64_t row, int64_t column, int64_t rest) {
  F sums[rows][vectors];
  float* c = p.c + row * p.cStride + column;
  KVFOLD_UNROLL
  for (int i = 0; i < rows; i++) {
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) {
      const float* at = c + i * p.cStride + v * width;
      if (p.from == From::zero) {
        sums[i][v] = all(0);
      } else if (p.from == From::rows) {
        sums[i][v] = all(p.rowNumbers[row + i]);
      } else {
        sums[i][v] = partial ? loadFirst(at, rest) : load(at);
        if (p.from == From::scaled) sums[i][v] = mul(sums[i][v], all(p.rowNumbers[row + i]));
      }
    }
  }
  const int64_t aStride = p.aStride, bStride = p.bStride;
  const float* a = p.a + (across ? row : row * aStride);
  const float* b = p.b + column;
  for (int64_t n = 0; n < p.depth; n++) {
    F line[vectors];
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) line[v] = partial ? loadFirst(b + v * width, rest) : load(b + v * width);
    KVFOLD_UNROLL
    for (int i = 0; i < rows; i++) {
      const F x = all(across ? a[i] : a[i * aStride]);
      KVFOLD_UNROLL
      for (int v = 0; v < vectors; v++) sums[i][v] = fma(x, line[v], sums[i][v]);
    }
    a += across ? aStride : 1;
    b += bStride;
  }
  KVFOLD_UNROLL
  for (int i = 0; i < rows; i++) {
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) {
      float* at = c + i * p.cStride + v * width;
      if (partial) {
        storeFirst(at, sums[i][v], rest);
      } else {
        store(at, sums[i][v]);
      }
    }
  }
}

// 32 registers: 6 x 4 or 12 x 2 sums, the latter only where one register points to all rows of a; 16 registers: 6 x 2, without fused products 4 x 2.
#if defined(__AVX512F__)
constexpr int mostVectors = 4;
constexpr int rowsOf(int vectors, bool across) { return vectors == 4 || !across ? 6 : 12; }
#elif defined(__AVX2__) || defined(__ARM_NEON)
constexpr int mostVectors = 2;
constexpr int rowsOf(int, bool) { return 6; }
#else
constexpr int mostVectors = 2;
constexpr int rowsOf(int, bool) { return 4; }
#endif

template <bool across, int vectors, bool partial>
inline void productColumns(const Product& p, int64_t rows, int64_t column, int64_t rest) {
  constexpr int most = rowsOf(vectors, across), some = vectors == 4 ? 2 : 4;
  int64_t row = 0;
  for (; row + most <= rows; row += most) productTile<across, most, vectors, partial>(p, row, column, rest);
  if constexpr (most > some) {
    for (; row + some <= rows; row += some) productTile<across, some, vectors, partial>(p, row, column, rest);
  }
  for (; row < rows; row++) productTile<across, 1, vectors, partial>(p, row, column, rest);
}

/** The product for at most `stripRows` rows, or more, and `columns` columns. */
template <bool across>
inline void multiply(const Product& p, int64_t rows, int64_t columns) {
  int64_t column = 0;
  for (; column + mostVectors * width <= columns; column += mostVectors * width) {
    productColumns<across, mostVectors, false>(p, rows, column, 0);
  }
  if constexpr (mostVectors > 2) {
    for (; column + 2 * width <= columns; column += 2 * width) productColumns<across, 2, false>(p, rows, column, 0);
  }
  for (; column + width <= columns; column += width) productColumns<across, 1, false>(p, rows, column, 0);
  if (column < columns) productColumns<across, 1, true>(p, rows, column, columns - column);
}

}  // namespace kvfold::KVFOLD_ISA
