// Functions of two elements, with broadcasting: arithmetic, comparisons and logic.
#include "../args/binary.h"
#include "../device/range.h"

namespace kvfold {

KVFOLD_DEVICE float floorDivide(float a, float b) { return floorf(a / b); }

/** The remainder with the divisor's sign. */
KVFOLD_DEVICE float modulo(float a, float b) {
  const float rest = fmodf(a, b);
  return (a < 0) == (b < 0) ? rest : fmodf(rest + b, b);
}

KVFOLD_DEVICE float maximum(float a, float b) { return a != a ? a : b != b ? b : a > b ? a : b; }
KVFOLD_DEVICE float minimum(float a, float b) { return a != a ? a : b != b ? b : a < b ? a : b; }

/** In the order of `arithmeticOps` in src/kernels/binary.ts. */
struct Arithmetic {
  using In = float;
  using Out = float;
  KVFOLD_DEVICE static float apply(int op, float a, float b) {
    switch (op) {
      case 0: return a + b;
      case 1: return a - b;
      case 2: return a * b;
      case 3: return a / b;
      case 4: return maximum(a, b);
      case 5: return minimum(a, b);
      case 6: return (a - b) * (a - b);
      case 7: return powf(a, b);
      case 8: return floorDivide(a, b);
      case 9: return modulo(a, b);
      case 10: return atan2f(a, b);
      case 11: return a < 0 ? b * a : a;
      default: return b >= 0 ? a : a * (b + 1.0f);  // the gradient a of elu by its result b
    }
  }
};

KVFOLD_DEVICE int32_t divideInts(int32_t a, int32_t b) {
  if (b == 0) return 0;
  if (b == -1) return static_cast<int32_t>(0u - static_cast<uint32_t>(a));
  const int32_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

KVFOLD_DEVICE int32_t moduloInts(int32_t a, int32_t b) {
  if (b == 0 || b == -1) return 0;
  const int32_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/** The same places as `Arithmetic`, of those that whole numbers have. Sums and products wrap around. */
struct IntArithmetic {
  using In = int32_t;
  using Out = int32_t;
  KVFOLD_DEVICE static int32_t apply(int op, int32_t a, int32_t b) {
    const uint32_t x = static_cast<uint32_t>(a), y = static_cast<uint32_t>(b);
    switch (op) {
      case 0: return static_cast<int32_t>(x + y);
      case 1: return static_cast<int32_t>(x - y);
      case 2: return static_cast<int32_t>(x * y);
      case 4: return a > b ? a : b;
      case 5: return a < b ? a : b;
      case 6: return static_cast<int32_t>((x - y) * (x - y));
      case 8: return divideInts(a, b);
      default: return moduloInts(a, b);
    }
  }
};

template <class T>
struct Comparison {
  using In = T;
  using Out = uint8_t;
  /** In the order of `comparisonOps` in src/kernels/binary.ts. */
  KVFOLD_DEVICE static uint8_t apply(int op, T a, T b) {
    switch (op) {
      case 0: return a == b;
      case 1: return a != b;
      case 2: return a > b;
      case 3: return a >= b;
      case 4: return a < b;
      default: return a <= b;
    }
  }
};

struct Logic {
  using In = uint8_t;
  using Out = uint8_t;
  /** And, or, different. */
  KVFOLD_DEVICE static uint8_t apply(int op, uint8_t a, uint8_t b) {
    return op == 0 ? (a && b) : op == 1 ? (a || b) : (a != 0) != (b != 0);
  }
};

template <class Function>
KVFOLD_DEVICE void binary(const BinaryArgs& args) {
  const typename Function::In* a = at<const typename Function::In>(args.a);
  const typename Function::In* b = at<const typename Function::In>(args.b);
  typename Function::Out* out = at<typename Function::Out>(args.out);
  if (args.rank == 1) {
    const uint64_t aStep = static_cast<uint64_t>(args.aSteps[0]), bStep = static_cast<uint64_t>(args.bSteps[0]);
    for (uint64_t i = firstOfThread(); i < args.n; i += threadsOfGrid()) {
      out[i] = Function::apply(args.op, a[i * aStep], b[i * bStep]);
    }
    return;
  }
  for (uint64_t i = firstOfThread(); i < args.n; i += threadsOfGrid()) {
    int32_t atA, atB;
    walk(static_cast<uint32_t>(i), args.rank, args.sizes, args.aSteps, args.bSteps, atA, atB);
    out[i] = Function::apply(args.op, a[atA], b[atB]);
  }
}

}  // namespace kvfold

using kvfold::BinaryArgs;

extern "C" __global__ void __launch_bounds__(256) kvfold_arithmetic(const BinaryArgs args) {
  kvfold::binary<kvfold::Arithmetic>(args);
}
KVFOLD_KERNEL(kvfold_arithmetic, BinaryArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_arithmetic_int(const BinaryArgs args) {
  kvfold::binary<kvfold::IntArithmetic>(args);
}
KVFOLD_KERNEL(kvfold_arithmetic_int, BinaryArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_compare(const BinaryArgs args) {
  kvfold::binary<kvfold::Comparison<float>>(args);
}
KVFOLD_KERNEL(kvfold_compare, BinaryArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_compare_int(const BinaryArgs args) {
  kvfold::binary<kvfold::Comparison<int32_t>>(args);
}
KVFOLD_KERNEL(kvfold_compare_int, BinaryArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_compare_bool(const BinaryArgs args) {
  kvfold::binary<kvfold::Comparison<uint8_t>>(args);
}
KVFOLD_KERNEL(kvfold_compare_bool, BinaryArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_logic(const BinaryArgs args) {
  kvfold::binary<kvfold::Logic>(args);
}
KVFOLD_KERNEL(kvfold_logic, BinaryArgs)
