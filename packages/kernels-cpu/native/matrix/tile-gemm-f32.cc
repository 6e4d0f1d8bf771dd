#include "tile-gemm-f32.h"

#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"

namespace kvfold {
namespace {

// A pair of strips, the work of one corner of tiles.
constexpr int64_t pairLines = 2 * tileSide;
// Rows of a that are packed by one thread for itself and multiplied by all of the packed part of b.
constexpr int64_t panelRows = 4 * pairLines;
// Depth of a panel: a pair of b's strips then stays in the first-level cache while the panel passes by. It is also where
// sums go through c, so that it must not depend on the threads.
constexpr int64_t panelDepth = 256;
// The packed part of b.
constexpr int64_t blockDepth = 4096;
constexpr int64_t blockBytes = int64_t{8} << 20;
// Floats that one item of packing b takes.
constexpr int64_t pieceNumbers = 16384;

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }
int64_t pieces(int64_t value, int64_t each) { return (value + each - 1) / each; }

/** `columns` columns from `column` of b, `depth` deep from `k`, packed. */
struct RightBlock {
  const MatrixF32& b;
  int64_t column, columns, k, depth;
  int terms;
  uint16_t* tiles;

  int64_t strip() const { return roundUp(depth, tileDepth) * tileSide * terms; }

  /** Packs the block on all threads. @returns false when a number is too large */
  bool pack() const {
    // pieces that read far along memory
    const bool along = b.rowStride == 1;
    const int64_t depthEach = along ? 1024 : 64;
    const int64_t columnsEach = along ? roundUp(larger(1, pieceNumbers / smaller(depth, depthEach)), tileSide) : 256;
    const int64_t depthPieces = pieces(depth, depthEach);
    bool fits = true;
    parallelFor(pieces(columns, columnsEach) * depthPieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const int64_t first = i / depthPieces * columnsEach, at = i % depthPieces * depthEach;
        const float* from = b.data + (k + at) * b.rowStride + (column + first) * b.columnStride;
        uint16_t* to = tiles + first / tileSide * strip() + at / tileDepth * terms * tileNumbers;
        const bool fit = kernels().denseTile->pack(TileSide::right, from, b.columnStride, b.rowStride,
                                                   smaller(columnsEach, columns - first), smaller(depthEach, depth - at),
                                                   terms, to, strip());
        if (!fit) __atomic_store_n(&fits, false, __ATOMIC_RELAXED);
      }
    });
    return fits;
  }
};

/** Rows `[row, row + rows)` of a times the block, into c. @returns false when a number is too large */
bool multiplyPanel(const MatrixF32& a, int64_t row, int64_t rows, const RightBlock& block, float* c, int64_t n,
                   uint16_t* panel) {
  const DenseTileKernels& tiles = *kernels().denseTile;
  bool fits = true;
  for (int64_t at = 0; at < block.depth; at += panelDepth) {
    const int64_t depth = smaller(panelDepth, block.depth - at), depths = pieces(depth, tileDepth);
    const int64_t k = block.k + at, strip = depths * block.terms * tileNumbers;
    fits &= tiles.pack(TileSide::left, a.data + row * a.rowStride + k * a.columnStride, a.rowStride, a.columnStride, rows,
                       depth, block.terms, panel, strip);
    tiles.multiply(block.terms, panel, strip, block.tiles + at / tileDepth * block.terms * tileNumbers, block.strip(), depths,
                   c + row * n + block.column, n, rows, block.columns, k > 0);
  }
  return fits;
}

}  // namespace

bool tilesGain(int64_t m, int64_t n, int64_t k, TileTerms terms) {
  // Packing in three terms must be shared by many lines: measured, 32 lines are even with multiply-add, 64 a fifth faster.
  const int64_t least = terms == TileTerms::three ? 4 * tileSide : tileSide;
  return kernels().denseTile->multiply != nullptr && m >= least && n >= least && k >= tileDepth;
}

TileOutcome tileGemmF32(const MatrixF32& a, const MatrixF32& b, float* c, int64_t m, int64_t n, int64_t k, TileTerms terms) {
  const int count = static_cast<int>(terms);
  const int64_t depthEach = smaller(roundUp(k, tileDepth), blockDepth);
  const int64_t fitting = blockBytes / (2 * depthEach * count) / pairLines * pairLines;
  const int64_t columnsEach = smaller(roundUp(n, tileSide), larger(fitting, 8 * pairLines));
  const Scratch packed(columnsEach * depthEach * count * 2);
  if (!packed.ok()) return TileOutcome::noMemory;
  bool fits = true, memory = true;
  for (int64_t column = 0; column < n; column += columnsEach) {
    for (int64_t at = 0; at < k; at += depthEach) {
      const RightBlock block = {b,     column, smaller(columnsEach, n - column),
                                at,    smaller(depthEach, k - at), count,
                                packed.as<uint16_t>()};
      if (!block.pack()) fits = false;
      parallelFor(pieces(m, pairLines), 1, [&](int64_t begin, int64_t end) {
        const Scratch panel(panelRows * panelDepth * count * 2);
        if (!panel.ok()) return __atomic_store_n(&memory, false, __ATOMIC_RELAXED);
        const int64_t last = smaller(end * pairLines, m);
        for (int64_t row = begin * pairLines; row < last; row += panelRows) {
          if (!multiplyPanel(a, row, smaller(panelRows, last - row), block, c, n, panel.as<uint16_t>())) {
            __atomic_store_n(&fits, false, __ATOMIC_RELAXED);
          }
        }
      });
      if (!memory) return TileOutcome::noMemory;
      if (!fits && terms != TileTerms::one) return TileOutcome::tooLarge;
    }
  }
  return TileOutcome::done;
}

}  // namespace kvfold
