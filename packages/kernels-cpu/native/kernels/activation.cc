#include "activation.h"

#include "vector-math.h"

namespace kvfold::KVFOLD_ISA {
namespace {

struct Silu {
  KVFOLD_INLINE F of(F x) { return x * sigmoid(x); }
};

/** 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks and Gimpel 2016, arXiv:1606.08415. */
struct GeluTanh {
  KVFOLD_INLINE F of(F x) {
    const F inner = all(0.7978845608028654f) * fma(all(0.044715f) * x * x, x, x);
    return all(0.5f) * x * (all(1.0f) + tanh(inner));
  }
};

struct Gelu {
  KVFOLD_INLINE F of(F x) { return all(0.5f) * x * (all(1.0f) + erf(x * all(0.7071067811865476f))); }
};

template <class Function>
void gate(const float* gates, const float* up, float* out, int64_t n) {
  int64_t i = 0;
  for (; i + width <= n; i += width) store(out + i, Function::of(load(gates + i)) * load(up + i));
  if (i < n) storeFirst(out + i, Function::of(loadFirst(gates + i, n - i)) * loadFirst(up + i, n - i), n - i);
}

}  // namespace

extern const ActivationKernels activationKernels;
const ActivationKernels activationKernels = {{gate<Silu>, gate<GeluTanh>, gate<Gelu>}};

}  // namespace kvfold::KVFOLD_ISA
