#include "binary.h"

#include "vector-math.h"

namespace kvfold::KVFOLD_ISA {
namespace {

template <class Op>
void runFloats(const float* a, int64_t aStep, const float* b, int64_t bStep, float* out, int64_t n) {
  if (n <= 0) return;
  const F firstA = all(*a), firstB = all(*b);
  int64_t i = 0;
  // Three loops, so that each has only the loads that it needs.
  if (aStep == 1 && bStep == 1) {
    for (; i + width <= n; i += width) store(out + i, Op::of(load(a + i), load(b + i)));
  } else if (aStep == 1) {
    for (; i + width <= n; i += width) store(out + i, Op::of(load(a + i), firstB));
  } else if (bStep == 1) {
    for (; i + width <= n; i += width) store(out + i, Op::of(firstA, load(b + i)));
  }
  for (; i < n; i += width) {
    const F x = aStep == 1 ? loadUpTo(a + i, n - i) : firstA;
    const F y = bStep == 1 ? loadUpTo(b + i, n - i) : firstB;
    storeUpTo(out + i, Op::of(x, y), n - i);
  }
}

/** Plain loops, which the compiler makes vectors of. */
template <class Op, class In, class Out>
void run(const In* a, int64_t aStep, const In* b, int64_t bStep, Out* out, int64_t n) {
  if (n <= 0) return;
  const In firstA = *a, firstB = *b;
  if (aStep == 1 && bStep == 1) {
    for (int64_t i = 0; i < n; i++) out[i] = static_cast<Out>(Op::of(a[i], b[i]));
  } else if (aStep == 1) {
    for (int64_t i = 0; i < n; i++) out[i] = static_cast<Out>(Op::of(a[i], firstB));
  } else if (bStep == 1) {
    for (int64_t i = 0; i < n; i++) out[i] = static_cast<Out>(Op::of(firstA, b[i]));
  } else {
    for (int64_t i = 0; i < n; i++) out[i] = static_cast<Out>(Op::of(firstA, firstB));
  }
}

struct Add {
  KVFOLD_INLINE F of(F a, F b) { return a + b; }
  KVFOLD_INLINE uint32_t of(int32_t a, int32_t b) { return static_cast<uint32_t>(a) + static_cast<uint32_t>(b); }
};
struct Sub {
  KVFOLD_INLINE F of(F a, F b) { return a - b; }
  KVFOLD_INLINE uint32_t of(int32_t a, int32_t b) { return static_cast<uint32_t>(a) - static_cast<uint32_t>(b); }
};
struct Multiply {
  KVFOLD_INLINE F of(F a, F b) { return a * b; }
  // JavaScript's product is a double, which is not exact above 2^53.
  KVFOLD_INLINE int64_t of(int32_t a, int32_t b) { return static_cast<int64_t>(static_cast<double>(a) * b); }
};
struct Divide {
  KVFOLD_INLINE F of(F a, F b) { return a / b; }
};
// NaN on either side gives NaN, as Math.max does.
struct Maximum {
  KVFOLD_INLINE F of(F a, F b) { return a > b || a != a ? a : b; }
  KVFOLD_INLINE int32_t of(int32_t a, int32_t b) { return a > b ? a : b; }
};
struct Minimum {
  KVFOLD_INLINE F of(F a, F b) { return a < b || a != a ? a : b; }
  KVFOLD_INLINE int32_t of(int32_t a, int32_t b) { return a < b ? a : b; }
};
struct SquaredDifference {
  KVFOLD_INLINE F of(F a, F b) { return (a - b) * (a - b); }
  KVFOLD_INLINE int64_t of(int32_t a, int32_t b) {
    const double difference = static_cast<double>(a) - b;
    const double square = difference * difference;
    // Only 2^64 down to here is outside int64, where all doubles are multiples of 2^11.
    return square < 9223372036854775808.0 ? static_cast<int64_t>(square)
                                          : static_cast<int64_t>(square - 18446744073709551616.0);
  }
};

#define KVFOLD_COMPARISON(Name, sign)             \
  struct Name {                                   \
    template <class T>                            \
    KVFOLD_INLINE bool of(T a, T b) {             \
      return a sign b;                            \
    }                                             \
  };

KVFOLD_COMPARISON(Equal, ==)
KVFOLD_COMPARISON(NotEqual, !=)
KVFOLD_COMPARISON(Greater, >)
KVFOLD_COMPARISON(GreaterEqual, >=)
KVFOLD_COMPARISON(Less, <)
KVFOLD_COMPARISON(LessEqual, <=)

struct And {
  KVFOLD_INLINE bool of(uint8_t a, uint8_t b) { return (a != 0) & (b != 0); }
};
struct Or {
  KVFOLD_INLINE bool of(uint8_t a, uint8_t b) { return (a | b) != 0; }
};

struct Differ {
  KVFOLD_INLINE bool of(uint8_t a, uint8_t b) { return (a != 0) != (b != 0); }
};

}  // namespace

extern const BinaryKernels binaryKernels;
const BinaryKernels binaryKernels = {
    {runFloats<Add>, runFloats<Sub>, runFloats<Multiply>, runFloats<Divide>, runFloats<Maximum>, runFloats<Minimum>,
     runFloats<SquaredDifference>},
    {run<Add>, run<Sub>, run<Multiply>, nullptr, run<Maximum>, run<Minimum>, run<SquaredDifference>},
    {run<Equal>, run<NotEqual>, run<Greater>, run<GreaterEqual>, run<Less>, run<LessEqual>},
    {run<Equal>, run<NotEqual>, run<Greater>, run<GreaterEqual>, run<Less>, run<LessEqual>},
    {run<And>, run<Or>, run<Differ>},
};

}  // namespace kvfold::KVFOLD_ISA
