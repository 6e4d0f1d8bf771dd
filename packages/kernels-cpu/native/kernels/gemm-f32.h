// Parts of a float32 matrix product; matrix/gemm-f32.cc joins them. Packed A is in strips of `rows` rows, packed B in
// strips of `columns` columns, each strip k-major: element (k, i) of a strip at `k * rows + i`.
#pragma once
#include <cstdint>

namespace kvfold {

/** A matrix in memory: element (i, j) at `data[i * rowStride + j * columnStride]`; one of the strides is 1. */
struct MatrixF32 {
  const float* data;
  int64_t rowStride;
  int64_t columnStride;
};

struct GemmF32Kernels {
  /** Rows of a strip of A, and columns of a strip of B: the register tile. */
  int rows;
  int columns;
  /** Greatest depth of a strip, `deepestStrip` or less; longer sums are cut there, whatever else is cut. */
  int depth;
  /**
   * True where a strip of B stays in the first-level cache while strips of A stream past it, which are narrower; false where
   * it is too large and a strip of A stays.
   */
  bool keepsB;

  /**
   * Packs A's rows `[row, row + count)` and `depth` columns from `k` into strips one after the other; rows that the last one
   * lacks become 0.
   */
  void (*packA)(const MatrixF32& a, int64_t row, int64_t count, int64_t k, int64_t depth, float* strips);

  /** Packs B's columns `[column, column + count)` and `depth` rows from `k`, likewise. */
  void (*packB)(const MatrixF32& b, int64_t k, int64_t depth, int64_t column, int64_t count, float* strips);

  /**
   * One register tile: `c[i][j] (+)= sum over k of a[k][i] b[k][j]` for `rowCount <= rows`, `columnCount <= columns`, with
   * one chain of sums over k for each element, so that a result does not depend on how the product is cut.
   */
  void (*tile)(const float* a, const float* b, int64_t depth, float* c, int64_t cStride, int64_t rowCount,
               int64_t columnCount, bool accumulate);

  /** Rounds to the nearest bfloat16, ties to even, as matrix tiles do when they round. */
  void (*roundToBf16)(float* x, int64_t count);
};

}  // namespace kvfold
