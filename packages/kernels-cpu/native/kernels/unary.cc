#include "unary.h"

#include "vector-math.h"

namespace kvfold::KVFOLD_ISA {
namespace {

/** Applies `Op` to whole vectors and to the lanes that are left, by the same instructions. */
template <class Op>
void run(const float* x, float* out, int64_t n, float p, float q) {
  const F first = all(p), second = all(q);
  int64_t i = 0;
  for (; i + width <= n; i += width) store(out + i, Op::of(load(x + i), first, second));
  if (i < n) storeFirst(out + i, Op::of(loadFirst(x + i, n - i), first, second), n - i);
}

/** Rounding has no operator on vectors; the compiler finds the instruction where there is one. */
template <class Op>
void runLanes(const float* x, float* out, int64_t n, float, float) {
  for (int64_t i = 0; i < n; i++) out[i] = Op::of(x[i]);
}

#define KVFOLD_UNARY(Name, expression)            \
  struct Name {                                   \
    KVFOLD_INLINE F of(F x, F p, F q) {           \
      (void)p, (void)q;                           \
      return expression;                          \
    }                                             \
  };
#define KVFOLD_LANES(Name, expression)                            \
  struct Name {                                                   \
    KVFOLD_INLINE float of(float x) { return expression; }        \
  };

const float zero = 0.0f, one = 1.0f;

// Comparisons with NaN are false: each expression but sign's is written so that NaN then passes through.
KVFOLD_UNARY(Abs, abs(x))
KVFOLD_LANES(Ceil, __builtin_ceilf(x))
KVFOLD_UNARY(Clip, x > q ? q : (x < p ? p : x))
KVFOLD_UNARY(Elu, x < all(zero) ? exp(x) - all(one) : x)
KVFOLD_UNARY(Erf, erf(x))
KVFOLD_UNARY(Exp, exp(x))
KVFOLD_LANES(Floor, __builtin_floorf(x))
KVFOLD_UNARY(LeakyRelu, x < all(zero) ? p * x : x)
KVFOLD_UNARY(Log, log(x))
KVFOLD_UNARY(Log1p, log1p(x))
KVFOLD_UNARY(Neg, -x)
KVFOLD_UNARY(Reciprocal, all(one) / x)
KVFOLD_UNARY(Relu, x < all(zero) ? all(zero) : x)
KVFOLD_UNARY(Relu6, x < all(zero) ? all(zero) : (x > all(6.0f) ? all(6.0f) : x))
KVFOLD_LANES(Round, __builtin_rintf(x))
KVFOLD_UNARY(Rsqrt, all(one) / sqrt(x))
KVFOLD_UNARY(Sigmoid, sigmoid(x))
KVFOLD_UNARY(Sign, x < all(zero) ? all(-one) : (x > all(zero) ? all(one) : all(zero)))
KVFOLD_UNARY(Softplus, softplus(x))
KVFOLD_UNARY(Sqrt, sqrt(x))
KVFOLD_UNARY(Square, x * x)
KVFOLD_UNARY(Step, x > all(zero) ? all(one) : (x == x ? p : x))
KVFOLD_UNARY(Tanh, tanh(x))

}  // namespace

extern const UnaryKernels unaryKernels;
const UnaryKernels unaryKernels = {{
    run<Abs>,   runLanes<Ceil>, run<Clip>,     run<Elu>,  run<Erf>,      run<Exp>,  runLanes<Floor>, run<LeakyRelu>,
    run<Log>,   run<Log1p>,     run<Neg>,      run<Reciprocal>, run<Relu>, run<Relu6>, runLanes<Round>, run<Rsqrt>,
    run<Sigmoid>, run<Sign>,    run<Softplus>, run<Sqrt>, run<Square>,   run<Step>, run<Tanh>,
}};

}  // namespace kvfold::KVFOLD_ISA
