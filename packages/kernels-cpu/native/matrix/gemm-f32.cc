#include "gemm-f32.h"

#include <atomic>
#include <cstring>

#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"
#include "few-rows.h"
#include "tile-gemm-f32.h"

namespace kvfold {
namespace {

// A strip of A of this depth (14 x 384 floats, 21 KB) stays in the first-level cache while strips of B stream past it.
constexpr int64_t blockDepth = gemmBlockDepth;
// Packed copies of one block: A up to 3 MB in all, B up to 6 MB.
constexpr int64_t blockRows = 2016;
constexpr int64_t blockColumns = 4096;
// One piece of work: this many columns of packed B (at most 1 MB) are used by several strips of A from the second level.
constexpr int64_t pieceColumns = 512;
// Products with fewer multiplications are done at once by the calling thread.
constexpr int64_t smallProduct = 32 * 32 * 32;

std::atomic<MatmulPrecision> precision{MatmulPrecision::float32};

bool roundsOperands() { return precision.load(std::memory_order_relaxed) == MatmulPrecision::bf16; }

int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }
int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/** The operands of a product, and whether they are rounded to bfloat16. */
struct Operands {
  const MatrixF32& a;
  const StripSource& b;
  bool round;
};

struct Block {
  const GemmF32Kernels& kernels;
  const Operands& operands;
  int64_t row, rows, column, columns, k, depth;
  float* packedA;
  float* packedB;

  int64_t stripsA() const { return (rows + kernels.rows - 1) / kernels.rows; }
  int64_t stripsB() const { return (columns + kernels.columns - 1) / kernels.columns; }
  float* stripA(int64_t i) const { return packedA + i * kernels.rows * depth; }
  float* stripB(int64_t j) const { return packedB + j * kernels.columns * depth; }

  void packStripA(int64_t i) const {
    const int64_t first = i * kernels.rows;
    kernels.packA(operands.a, row + first, smaller(kernels.rows, rows - first), k, depth, stripA(i));
    if (operands.round) kernels.roundToBf16(stripA(i), kernels.rows * depth);
  }
  void packStripB(int64_t j) const {
    const int64_t first = j * kernels.columns;
    const StripSource& b = operands.b;
    b.pack(b.context, kernels, k, depth, column + first, smaller(kernels.columns, columns - first), stripB(j));
    if (operands.round) kernels.roundToBf16(stripB(j), kernels.columns * depth);
  }
  /** Tiles of one strip of A against the strips `[begin, end)` of B. */
  void multiply(int64_t i, int64_t begin, int64_t end, float* c, int64_t stride) const {
    const int64_t top = i * kernels.rows;
    for (int64_t j = begin; j < end; j++) {
      const int64_t left = j * kernels.columns;
      kernels.tile(stripA(i), stripB(j), depth, c + (row + top) * stride + column + left, stride,
                   smaller(kernels.rows, rows - top), smaller(kernels.columns, columns - left), k > 0);
    }
  }
};

int64_t packedBytes(const GemmF32Kernels& kernels, int64_t m, int64_t n, int64_t k) {
  const int64_t depth = smaller(k, blockDepth);
  return (roundUp(smaller(m, blockRows), kernels.rows) + roundUp(smaller(n, blockColumns), kernels.columns)) * depth * 4;
}

/** Visits the blocks of a product; for each output block the depth is cut in the same way whatever the threads. */
template <class Visit>
void eachBlock(const GemmF32Kernels& kernels, const Operands& operands, int64_t m, int64_t n, int64_t k, float* packed,
               Visit&& visit) {
  for (int64_t column = 0; column < n; column += blockColumns) {
    const int64_t columns = smaller(blockColumns, n - column);
    for (int64_t at = 0; at < k; at += blockDepth) {
      const int64_t depth = smaller(blockDepth, k - at);
      for (int64_t row = 0; row < m; row += blockRows) {
        const int64_t rows = smaller(blockRows, m - row);
        float* packedA = packed + roundUp(columns, kernels.columns) * depth;
        visit(Block{kernels, operands, row, rows, column, columns, at, depth, packedA, packed}, row == 0);
      }
    }
  }
}

void multiplyAlone(const GemmF32Kernels& kernels, const Operands& operands, float* c, int64_t m, int64_t n, int64_t k,
                   float* packed) {
  eachBlock(kernels, operands, m, n, k, packed, [&](const Block& block, bool newB) {
    if (newB) {
      for (int64_t j = 0; j < block.stripsB(); j++) block.packStripB(j);
    }
    for (int64_t i = 0; i < block.stripsA(); i++) {
      block.packStripA(i);
      block.multiply(i, 0, block.stripsB(), c, n);
    }
  });
}

void multiplyTogether(const GemmF32Kernels& kernels, const Operands& operands, float* c, int64_t m, int64_t n, int64_t k,
                      float* packed) {
  eachBlock(kernels, operands, m, n, k, packed, [&](const Block& block, bool newB) {
    const int64_t stripsA = block.stripsA();
    const int64_t stripsB = block.stripsB();
    const int64_t packB = newB ? stripsB : 0;
    parallelFor(packB + stripsA, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        if (i < packB) {
          block.packStripB(i);
        } else {
          block.packStripA(i - packB);
        }
      }
    });
    const int64_t stripsEach = pieceColumns / kernels.columns;
    const int64_t groups = (stripsB + stripsEach - 1) / stripsEach;
    // Neighbouring items share their part of B.
    parallelFor(groups * stripsA, 1, [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; item++) {
        const int64_t first = item / stripsA * stripsEach;
        block.multiply(item % stripsA, first, smaller(first + stripsEach, stripsB), c, n);
      }
    });
  });
}

void packMatrix(const void* context, const GemmF32Kernels& kernels, int64_t k, int64_t depth, int64_t column,
                int64_t count, float* strip) {
  kernels.packB(*static_cast<const MatrixF32*>(context), k, depth, column, count, strip);
}

MatrixF32 offsetBy(const MatrixF32& matrix, int64_t offset) {
  return {matrix.data + offset, matrix.rowStride, matrix.columnStride};
}

/** Products with few rows; a single column is a row of the transposed product. */
bool skinnyBatch(const MatrixF32& a, const MatrixF32& b, float* c, int64_t m, int64_t n, int64_t k, int64_t batch,
                 int64_t aStep, int64_t bStep) {
  bool ok = true;
  const int64_t grain = batch >= 2 * threadCount() ? 1 + smallProduct / (m * n * k) : batch;
  parallelFor(batch, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const MatrixF32 left = offsetBy(a, i * aStep), right = offsetBy(b, i * bStep);
      float* to = c + i * m * n;
      const bool done = n == 1 ? fewRows({right.data, right.columnStride, right.rowStride},
                                         {left.data, left.columnStride, left.rowStride}, to, m, 1, m, k, nullptr)
                               : fewRows(left, right, to, n, m, n, k, nullptr);
      if (!done) __atomic_store_n(&ok, false, __ATOMIC_RELAXED);
    }
  });
  return ok;
}

/** On tiles, where that gains; `tooLarge` where it does not or cannot. */
TileOutcome multiplyOnTiles(const MatrixF32& a, const MatrixF32& b, float* c, int64_t m, int64_t n, int64_t k, bool round) {
  const TileTerms terms = round ? TileTerms::one : TileTerms::three;
  return tilesGain(m, n, k, terms) ? tileGemmF32(a, b, c, m, n, k, terms) : TileOutcome::tooLarge;
}

}  // namespace

void setMatmulPrecision(MatmulPrecision chosen) { precision.store(chosen, std::memory_order_relaxed); }

bool gemmF32From(const MatrixF32& a, const StripSource& b, float* c, int64_t m, int64_t n, int64_t k) {
  const GemmF32Kernels& kernels = *kvfold::kernels().gemmF32;
  Scratch packed(packedBytes(kernels, m, n, k));
  if (packed.ok()) multiplyTogether(kernels, {a, b, false}, c, m, n, k, packed.as<float>());
  return packed.ok();
}

bool gemmF32(const MatrixF32& a, const MatrixF32& b, float* c, int64_t m, int64_t n, int64_t k, int64_t batch,
             int64_t aStep, int64_t bStep) {
  if (m == 0 || n == 0 || batch == 0) return true;
  if (k == 0) {
    memset(c, 0, static_cast<size_t>(batch * m * n) * sizeof(float));
    return true;
  }
  if (m <= fewRowsLimit || n == 1) return skinnyBatch(a, b, c, m, n, k, batch, aStep, bStep);
  const GemmF32Kernels& kernels = *kvfold::kernels().gemmF32;
  const int64_t bytes = packedBytes(kernels, m, n, k);
  const bool round = roundsOperands();
  const auto multiply = [&](int64_t i, bool alone) {
    const MatrixF32 left = offsetBy(a, i * aStep), right = offsetBy(b, i * bStep);
    float* to = c + i * m * n;
    const TileOutcome outcome = multiplyOnTiles(left, right, to, m, n, k, round);
    if (outcome != TileOutcome::tooLarge) return outcome == TileOutcome::done;
    const Scratch packed(bytes);
    const auto product = alone ? multiplyAlone : multiplyTogether;
    if (packed.ok()) product(kernels, {left, {packMatrix, &right}, round}, to, m, n, k, packed.as<float>());
    return packed.ok();
  };
  bool ok = true;
  if (batch < 2 * threadCount() && m * n * k > smallProduct) {
    for (int64_t i = 0; i < batch; i++) ok = multiply(i, false) && ok;
    return ok;
  }
  parallelFor(batch, 1 + smallProduct / (m * n * k), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      if (!multiply(i, true)) __atomic_store_n(&ok, false, __ATOMIC_RELAXED);
    }
  });
  return ok;
}

}  // namespace kvfold
