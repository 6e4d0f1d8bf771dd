// Functions of each element. One kernel for all of a type: which one is the same for every thread, so that the choice costs
// nothing beside the memory.
#include "../args/unary.h"
#include "../device/range.h"

namespace kvfold {

/** TensorFlow.js rounds halves to even. */
KVFOLD_DEVICE float roundEven(float x) { return rintf(x); }

KVFOLD_DEVICE float softplus(float x) {
  if (x > 20.0f) return x;
  return log1pf(expf(x));
}

/** TensorFlow.js gives NaN the sign 0. */
KVFOLD_DEVICE float signOf(float x) { return x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f; }

/** The constants of self-normalising networks. */
constexpr float seluAlpha = 1.7580993408473768599402175208123f;
constexpr float seluScale = 1.0507009873554804934193349852946f;

/** In the order of `unaryOps` in src/kernels/unary.ts. */
KVFOLD_DEVICE float applyUnary(int op, float x, float a, float b) {
  switch (op) {
    case 0: return fabsf(x);
    case 1: return acosf(x);
    case 2: return acoshf(x);
    case 3: return asinf(x);
    case 4: return asinhf(x);
    case 5: return atanf(x);
    case 6: return atanhf(x);
    case 7: return ceilf(x);
    case 8: return x > b ? b : x < a ? a : x;
    case 9: return cosf(x);
    case 10: return coshf(x);
    case 11: return x >= 0 ? x : expm1f(x);
    case 12: return erff(x);
    case 13: return expf(x);
    case 14: return expm1f(x);
    case 15: return floorf(x);
    case 16: return x < 0 ? a * x : x;
    case 17: return logf(x);
    case 18: return log1pf(x);
    case 19: return -x;
    case 20: return 1.0f / x;
    case 21: return x < 0 ? 0.0f : x;
    case 22: return x < 0 ? 0.0f : x > 6 ? 6.0f : x;
    case 23: return roundEven(x);
    case 24: return 1.0f / sqrtf(x);
    case 25: return x >= 0 ? seluScale * x : seluAlpha * expm1f(x);
    case 26: return 1.0f / (1.0f + expf(-x));
    case 27: return signOf(x);
    case 28: return sinf(x);
    case 29: return sinhf(x);
    case 30: return softplus(x);
    case 31: return sqrtf(x);
    case 32: return x * x;
    case 33: return x != x ? x : x > 0 ? 1.0f : a;
    case 34: return tanf(x);
    default: return tanhf(x);
  }
}

/** In the order of `intUnaryOps` in src/kernels/unary.ts. */
KVFOLD_DEVICE int32_t applyIntUnary(int op, int32_t x, int32_t a, int32_t b) {
  switch (op) {
    case 0: return x < 0 ? -x : x;
    case 1: return x > b ? b : x < a ? a : x;
    case 2: return static_cast<int32_t>(0u - static_cast<uint32_t>(x));
    case 3: return x < 0 ? 0 : x;
    case 4: return x > 0 ? 1 : x < 0 ? -1 : 0;
    default: return static_cast<int32_t>(static_cast<uint32_t>(x) * static_cast<uint32_t>(x));
  }
}

/** In the order of `testOps` in src/kernels/unary.ts. */
KVFOLD_DEVICE bool applyTest(int op, float x) {
  const bool nan = x != x;
  const bool infinite = x == INFINITY || x == -INFINITY;
  return op == 0 ? nan : op == 1 ? infinite : !nan && !infinite;
}

}  // namespace kvfold

using kvfold::UnaryArgs;

extern "C" __global__ void __launch_bounds__(256) kvfold_unary(const UnaryArgs args) {
  const float* x = kvfold::at<const float>(args.x);
  float* out = kvfold::at<float>(args.out);
  for (uint64_t i = kvfold::firstOfThread(); i < args.n; i += kvfold::threadsOfGrid()) {
    out[i] = kvfold::applyUnary(args.op, x[i], args.a, args.b);
  }
}
KVFOLD_KERNEL(kvfold_unary, UnaryArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_unary_int(const UnaryArgs args) {
  const int32_t* x = kvfold::at<const int32_t>(args.x);
  int32_t* out = kvfold::at<int32_t>(args.out);
  const int32_t a = static_cast<int32_t>(args.a), b = static_cast<int32_t>(args.b);
  for (uint64_t i = kvfold::firstOfThread(); i < args.n; i += kvfold::threadsOfGrid()) {
    out[i] = kvfold::applyIntUnary(args.op, x[i], a, b);
  }
}
KVFOLD_KERNEL(kvfold_unary_int, UnaryArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_test(const UnaryArgs args) {
  const float* x = kvfold::at<const float>(args.x);
  uint8_t* out = kvfold::at<uint8_t>(args.out);
  for (uint64_t i = kvfold::firstOfThread(); i < args.n; i += kvfold::threadsOfGrid()) {
    out[i] = kvfold::applyTest(args.op, x[i]) ? 1 : 0;
  }
}
KVFOLD_KERNEL(kvfold_test, UnaryArgs)
