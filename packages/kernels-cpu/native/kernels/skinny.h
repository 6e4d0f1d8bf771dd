// A few rows times a matrix whose rows run along the outputs, `[inputs, outputs]`: one pass over the matrix, no packing.
#pragma once
#include <cstdint>

namespace kvfold {

/** Most rows of x that one pass takes. */
constexpr int maximumSkinnyRows = 8;

struct SkinnyTask {
  /** 1 to `maximumSkinnyRows` rows, `xStride` apart. */
  const float* x;
  int64_t xStride;
  int rows;
  const float* matrix;
  int64_t matrixStride;
  int64_t inputs;
  float* y;
  int64_t yStride;
  /** `[outputs]`, or null. */
  const float* bias;
};

struct SkinnyKernels {
  /** The outputs `[begin, end)`; each is one chain of sums over the inputs. */
  void (*multiply)(const SkinnyTask& task, int64_t begin, int64_t end);
};

}  // namespace kvfold
