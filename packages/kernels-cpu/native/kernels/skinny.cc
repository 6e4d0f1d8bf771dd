#include "skinny.h"

#include "simd.h"

namespace kvfold::KVFOLD_ISA {
namespace {

/** `vectors` vectors of outputs at `output`; the last of them has `last` lanes. */
template <int xs, int vectors>
KVFOLD_INLINE void panel(const SkinnyTask& task, int64_t output, int64_t last) {
  const float* x[xs];
  KVFOLD_UNROLL
  for (int r = 0; r < xs; r++) x[r] = task.x + (r < task.rows ? r : task.rows - 1) * task.xStride;
  F sums[xs][vectors];
  KVFOLD_UNROLL
  for (int r = 0; r < xs; r++) {
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) sums[r][v] = all(0);
  }
  const float* row = task.matrix + output;
  for (int64_t k = 0; k < task.inputs; k++, row += task.matrixStride) {
    F w[vectors];
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) {
      w[v] = v < vectors - 1 || last == width ? load(row + v * width) : loadFirst(row + v * width, last);
    }
    KVFOLD_UNROLL
    for (int r = 0; r < xs; r++) {
      const F scale = all(x[r][k]);
      KVFOLD_UNROLL
      for (int v = 0; v < vectors; v++) sums[r][v] = fma(scale, w[v], sums[r][v]);
    }
  }
  KVFOLD_UNROLL
  for (int r = 0; r < xs; r++) {
    if (r >= task.rows) break;
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) {
      const int64_t count = v < vectors - 1 ? width : last;
      const F bias = task.bias == nullptr ? all(0) : loadUpTo(task.bias + output + v * width, count);
      storeUpTo(task.y + r * task.yStride + output + v * width, add(sums[r][v], bias), count);
    }
  }
}

template <int xs, int vectors>
void multiplyRows(const SkinnyTask& task, int64_t begin, int64_t end) {
  int64_t output = begin;
  for (; output + vectors * width <= end; output += vectors * width) panel<xs, vectors>(task, output, width);
  for (; output < end; output += width) {
    const int64_t left = end - output;
    panel<xs, 1>(task, output, left < width ? left : width);
  }
}

#if defined(__AVX512F__)
constexpr int mostSums = 16;
#else
constexpr int mostSums = 8;
#endif

void multiply(const SkinnyTask& task, int64_t begin, int64_t end) {
  if (task.rows == 1) return multiplyRows<1, mostSums>(task, begin, end);
  if (task.rows == 2) return multiplyRows<2, mostSums / 2>(task, begin, end);
  if (task.rows <= 4) return multiplyRows<4, mostSums / 4>(task, begin, end);
  multiplyRows<8, mostSums / 8>(task, begin, end);
}

}  // namespace

extern const SkinnyKernels skinnyKernels;
const SkinnyKernels skinnyKernels = {multiply};

}  // namespace kvfold::KVFOLD_ISA
