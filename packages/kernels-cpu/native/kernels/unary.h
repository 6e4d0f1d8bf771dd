// Functions of each element of a float32 array.
#pragma once
#include <cstdint>

namespace kvfold {

/** In the order of `unaryOps` in src/kernels/unary.ts. */
enum class UnaryOp : int {
  abs, ceil, clip, elu, erf, exp, floor, leakyRelu, log, log1p, neg, reciprocal, relu, relu6,
  round, rsqrt, sigmoid, sign, softplus, sqrt, square, step, tanh,
};

constexpr int unaryOpCount = 23;

struct UnaryKernels {
  /** `n` elements; `p` and `q` are clip's bounds, or the slope or level of leakyRelu and step. `out` may be `x`. */
  using Run = void (*)(const float* x, float* out, int64_t n, float p, float q);
  Run run[unaryOpCount];
};

}  // namespace kvfold
