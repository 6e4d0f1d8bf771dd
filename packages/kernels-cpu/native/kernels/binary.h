// Functions of two elements, along one row: each operand is an array or one repeated element.
#pragma once
#include <cstdint>

namespace kvfold {

/** In the order of `arithmeticOps` in src/kernels/arithmetic.ts. */
enum class ArithmeticOp : int { add, sub, multiply, divide, maximum, minimum, squaredDifference };
constexpr int arithmeticOpCount = 7;

/** In the order of `comparisonOps` in src/kernels/comparison.ts. */
enum class ComparisonOp : int { equal, notEqual, greater, greaterEqual, less, lessEqual };
constexpr int comparisonOpCount = 6;

/** In the order of `logicalOps` in src/kernels/logical.ts; everything but 0 is true. */
enum class LogicalOp : int { conjunction, disjunction, difference };
constexpr int logicalOpCount = 3;

struct BinaryKernels {
  /** `n` results; the steps are 1, or 0 to repeat the first element. */
  template <class In, class Out>
  using Run = void (*)(const In* a, int64_t aStep, const In* b, int64_t bStep, Out* out, int64_t n);
  Run<float, float> floats[arithmeticOpCount];
  /** As JavaScript stores numbers in an Int32Array: modulo 2^32. Null for division. */
  Run<int32_t, int32_t> ints[arithmeticOpCount];
  /** Results are 0 and 1. */
  Run<float, uint8_t> compareFloats[comparisonOpCount];
  Run<int32_t, uint8_t> compareInts[comparisonOpCount];
  Run<uint8_t, uint8_t> logical[logicalOpCount];
};

}  // namespace kvfold
