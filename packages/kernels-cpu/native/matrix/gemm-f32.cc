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

// Packed strips of A that are used together stay in the second-level cache, which has 512 KB or more.
constexpr int64_t chunkBytes = 288 << 10;
// Packed B: at most 6 MB.
constexpr int64_t blockColumns = 4096;
// Columns of B that stay in the second level where a strip of A is kept in the first (at most 768 KB; it has 1 MB or more then).
constexpr int64_t pieceColumns = 512;
// Strips that one thread packs together: their parts of a row lie side by side.
constexpr int64_t stripsAtOnce = 8;
// Products with fewer multiplications are done at once by the calling thread.
constexpr int64_t smallProduct = 32 * 32 * 32;

std::atomic<MatmulPrecision> precision{MatmulPrecision::float32};

bool roundsOperands() { return precision.load(std::memory_order_relaxed) == MatmulPrecision::bf16; }

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/** The operands of a product, and whether they are rounded to bfloat16. */
struct Operands {
  const MatrixF32& a;
  const StripSource& b;
  bool round;
  /** 1 where the calling thread does it alone. */
  int threads;
};

/** One part of the depth and of the columns. */
struct Block {
  const GemmF32Kernels& kernels;
  const Operands& operands;
  float* c;
  int64_t m, n, column, columns, k, depth;

  /** `work(begin, end)` on parts of `[0, count)`. */
  template <class Work>
  void share(int64_t count, Work&& work) const {
    if (operands.threads == 1) {
      work(int64_t{0}, count);
    } else {
      parallelFor(count, 1, [&](int64_t begin, int64_t end) { work(begin, end); });
    }
  }

  int64_t stripsA() const { return (m + kernels.rows - 1) / kernels.rows; }
  int64_t stripsB() const { return (columns + kernels.columns - 1) / kernels.columns; }
  int64_t sizeA() const { return kernels.rows * depth; }
  int64_t sizeB() const { return kernels.columns * depth; }

  void packA(int64_t begin, int64_t end, float* strips) const {
    for (int64_t i = begin; i < end; i += stripsAtOnce) {
      const int64_t first = i * kernels.rows, last = smaller(smaller(i + stripsAtOnce, end) * kernels.rows, m);
      kernels.packA(operands.a, first, last - first, k, depth, strips + (i - begin) * sizeA());
    }
    if (operands.round) kernels.roundToBf16(strips, (end - begin) * sizeA());
  }
  void packB(int64_t begin, int64_t end, float* strips) const {
    const StripSource& b = operands.b;
    for (int64_t j = begin; j < end; j += stripsAtOnce) {
      const int64_t first = j * kernels.columns, last = smaller(smaller(j + stripsAtOnce, end) * kernels.columns, columns);
      b.pack(b.context, kernels, k, depth, column + first, last - first, strips + (j - begin) * sizeB());
    }
    if (operands.round) kernels.roundToBf16(strips, (end - begin) * sizeB());
  }

  void tile(int64_t i, int64_t j, const float* stripA, const float* stripB) const {
    const int64_t top = i * kernels.rows, left = j * kernels.columns;
    kernels.tile(stripA, stripB, depth, c + top * n + column + left, n, smaller(kernels.rows, m - top),
                 smaller(kernels.columns, columns - left), k > 0);
  }
  /** Strips `[i, iEnd)` of A, packed, by strips `[j, jEnd)` of B, packed. */
  void multiply(int64_t i, int64_t iEnd, const float* a, int64_t j, int64_t jEnd, const float* b) const {
    if (kernels.keepsB) {
      for (int64_t s = j; s < jEnd; s++) {
        for (int64_t r = i; r < iEnd; r++) tile(r, s, a + (r - i) * sizeA(), b + (s - j) * sizeB());
      }
      return;
    }
    const int64_t each = pieceColumns / kernels.columns;
    for (int64_t from = j; from < jEnd; from += each) {
      for (int64_t r = i; r < iEnd; r++) {
        for (int64_t s = from; s < smaller(from + each, jEnd); s++) tile(r, s, a + (r - i) * sizeA(), b + (s - j) * sizeB());
      }
    }
  }
};

int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

/** Few rows: A is packed once, each thread packs the strips of B that it multiplies. @returns false without memory */
bool multiplyByColumns(const Block& block) {
  const int64_t stripsA = block.stripsA();
  const Scratch packed(stripsA * block.sizeA() * 4);
  if (!packed.ok()) return false;
  float* a = packed.as<float>();
  block.share(divideUp(stripsA, stripsAtOnce), [&](int64_t begin, int64_t end) {
    block.packA(begin * stripsAtOnce, smaller(end * stripsAtOnce, stripsA), a + begin * stripsAtOnce * block.sizeA());
  });
  bool ok = true;
  block.share(block.stripsB(), [&](int64_t begin, int64_t end) {
    const Scratch own(block.sizeB() * 4);
    if (!own.ok()) return __atomic_store_n(&ok, false, __ATOMIC_RELAXED);
    for (int64_t j = begin; j < end; j++) {
      block.packB(j, j + 1, own.as<float>());
      block.multiply(0, stripsA, a, j, j + 1, own.as<float>());
    }
  });
  return ok;
}

/** Many rows: B is packed once, each thread packs the strips of A that it multiplies. @returns false without memory */
bool multiplyByRows(const Block& block) {
  const int64_t stripsA = block.stripsA(), stripsB = block.stripsB();
  const Scratch packed(stripsB * block.sizeB() * 4);
  if (!packed.ok()) return false;
  float* b = packed.as<float>();
  block.share(divideUp(stripsB, stripsAtOnce), [&](int64_t begin, int64_t end) {
    block.packB(begin * stripsAtOnce, smaller(end * stripsAtOnce, stripsB), b + begin * stripsAtOnce * block.sizeB());
  });
  // as many chunks for each thread, four or more
  const int64_t most = chunkBytes / (block.sizeA() * 4), threads = block.operands.threads;
  const int64_t rounds = divideUp(stripsA, most * threads);
  const int64_t each = divideUp(stripsA, threads * (rounds < 4 ? 4 : rounds));
  bool ok = true;
  block.share(divideUp(stripsA, each), [&](int64_t begin, int64_t end) {
    const Scratch own(each * block.sizeA() * 4);
    if (!own.ok()) return __atomic_store_n(&ok, false, __ATOMIC_RELAXED);
    for (int64_t i = begin * each; i < smaller(end * each, stripsA); i += each) {
      const int64_t last = smaller(i + each, stripsA);
      block.packA(i, last, own.as<float>());
      block.multiply(i, last, own.as<float>(), 0, stripsB, b);
    }
  });
  return ok;
}

/** For each part of the output the depth is cut in the same way whatever the threads. @returns false without memory */
bool multiply(const GemmF32Kernels& kernels, const Operands& operands, float* c, int64_t m, int64_t n, int64_t k) {
  for (int64_t column = 0; column < n; column += blockColumns) {
    const int64_t columns = smaller(blockColumns, n - column);
    for (int64_t at = 0; at < k; at += kernels.depth) {
      const Block block = {kernels, operands, c, m, n, column, columns, at, smaller(kernels.depth, k - at)};
      const bool fewRows = block.stripsA() * block.sizeA() * 4 <= chunkBytes && block.stripsB() >= 4 * operands.threads;
      if (!(fewRows ? multiplyByColumns(block) : multiplyByRows(block))) return false;
    }
  }
  return true;
}

void packMatrix(const void* context, const GemmF32Kernels& kernels, int64_t k, int64_t depth, int64_t column,
                int64_t count, float* strips) {
  kernels.packB(*static_cast<const MatrixF32*>(context), k, depth, column, count, strips);
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
  return multiply(*kernels().gemmF32, {a, b, false, threadCount()}, c, m, n, k);
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
  const bool round = roundsOperands();
  const auto one = [&](int64_t i, int threads) {
    const MatrixF32 left = offsetBy(a, i * aStep), right = offsetBy(b, i * bStep);
    float* to = c + i * m * n;
    const TileOutcome outcome = multiplyOnTiles(left, right, to, m, n, k, round);
    if (outcome != TileOutcome::tooLarge) return outcome == TileOutcome::done;
    return multiply(kernels, {left, {packMatrix, &right}, round, threads}, to, m, n, k);
  };
  bool ok = true;
  if (batch < 2 * threadCount() && m * n * k > smallProduct) {
    for (int64_t i = 0; i < batch; i++) ok = one(i, threadCount()) && ok;
    return ok;
  }
  parallelFor(batch, 1 + smallProduct / (m * n * k), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      if (!one(i, 1)) __atomic_store_n(&ok, false, __ATOMIC_RELAXED);
    }
  });
  return ok;
}

}  // namespace kvfold
