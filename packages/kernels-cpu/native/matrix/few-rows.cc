#include "few-rows.h"

#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"

namespace kvfold {
namespace {

// A piece of work reads at least this many floats of the matrix.
constexpr int64_t pieceFloats = 8192;

/** Rows of b run along the depth: each output is a product of two rows. */
void multiplyByRows(const MatrixF32& b, const float* x, int rows, float* c, int64_t cStride, int64_t n, int64_t k,
                    const float* bias) {
  const GemvTask task = {reinterpret_cast<const uint8_t*>(b.data), b.columnStride * 4, k, x, rows, c, cStride, bias};
  const GemvFunction gemv = kernels().gemv->exact[static_cast<int>(WeightFormat::f32)];
  parallelFor(n, (pieceFloats / k + 4) / 4 * 4, [&](int64_t begin, int64_t end) { gemv(task, begin, end); });
}

/** Rows of b run along the outputs. */
void multiplyByColumns(const MatrixF32& b, const float* x, int rows, float* c, int64_t cStride, int64_t n, int64_t k,
                       const float* bias) {
  const SkinnyTask task = {x, k, rows, b.data, b.rowStride, k, c, cStride, bias};
  const SkinnyKernels& skinny = *kernels().skinny;
  // Pieces of whole cache lines, 256 columns at least: a thread then reads runs of a kilobyte.
  const int64_t grain = (pieceFloats / k + 256) / 256 * 256;
  parallelFor(n, grain, [&](int64_t begin, int64_t end) { skinny.multiply(task, begin, end); });
}

}  // namespace

bool fewRows(const MatrixF32& a, const MatrixF32& b, float* c, int64_t cStride, int64_t m, int64_t n, int64_t k,
             const float* bias) {
  const bool contiguous = a.columnStride == 1 && (a.rowStride == k || m == 1);
  const Scratch copy(contiguous ? 0 : m * k * 4);
  if (!copy.ok()) return false;
  const float* x = contiguous ? a.data : copy.as<float>();
  for (int64_t i = 0; !contiguous && i < m * k; i++) {
    copy.as<float>()[i] = a.data[i / k * a.rowStride + i % k * a.columnStride];
  }
  for (int64_t row = 0; row < m; row += fewRowsLimit) {
    const int rows = static_cast<int>(m - row < fewRowsLimit ? m - row : fewRowsLimit);
    const auto multiply = b.rowStride == 1 ? multiplyByRows : multiplyByColumns;
    multiply(b, x + row * k, rows, c + row * cStride, cStride, n, k, bias);
  }
  return true;
}

}  // namespace kvfold
