#include "activation.h"

#include "vector-math.h"

namespace kvfold::KVFOLD_ISA {
namespace {

/** A function's value, and its slope there. */
struct Tangent {
  F value, slope;
};

struct Silu {
  KVFOLD_INLINE F of(F x) { return x * sigmoid(x); }
  KVFOLD_INLINE Tangent tangent(F x) {
    const F s = sigmoid(x), value = x * s;
    return {value, fma(value, all(1.0f) - s, s)};
  }
};

/** 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks and Gimpel 2016, arXiv:1606.08415. */
struct GeluTanh {
  KVFOLD_INLINE F of(F x) {
    const F inner = all(0.7978845608028654f) * fma(all(0.044715f) * x * x, x, x);
    return all(0.5f) * x * (all(1.0f) + tanh(inner));
  }
  KVFOLD_INLINE Tangent tangent(F x) {
    const F scale = all(0.7978845608028654f), square = x * x;
    const F t = tanh(scale * fma(all(0.044715f) * square, x, x)), half = all(0.5f) * (all(1.0f) + t);
    const F inner = scale * fma(all(3 * 0.044715f), square, all(1.0f));
    return {x * half, fma(all(0.5f) * x * (all(1.0f) - t * t), inner, half)};
  }
};

struct Gelu {
  KVFOLD_INLINE F of(F x) { return all(0.5f) * x * (all(1.0f) + erf(x * all(0.7071067811865476f))); }
  KVFOLD_INLINE Tangent tangent(F x) {
    const F below = all(0.5f) * (all(1.0f) + erf(x * all(0.7071067811865476f)));
    const F density = all(0.3989422804014327f) * exp(all(-0.5f) * x * x);
    return {x * below, fma(x, density, below)};
  }
};

template <class Function>
void gate(const float* gates, const float* up, float* out, int64_t n) {
  int64_t i = 0;
  for (; i + width <= n; i += width) store(out + i, Function::of(load(gates + i)) * load(up + i));
  if (i < n) storeFirst(out + i, Function::of(loadFirst(gates + i, n - i)) * loadFirst(up + i, n - i), n - i);
}

template <class Function>
void gradient(const float* gates, const float* up, const float* dy, float* dGate, float* dUp, int64_t n) {
  int64_t i = 0;
  for (; i + width <= n; i += width) {
    const Tangent at = Function::tangent(load(gates + i));
    const F pulled = load(dy + i);
    store(dGate + i, at.slope * load(up + i) * pulled);
    store(dUp + i, at.value * pulled);
  }
  if (i < n) {
    const int64_t rest = n - i;
    const Tangent at = Function::tangent(loadFirst(gates + i, rest));
    const F pulled = loadFirst(dy + i, rest);
    storeFirst(dGate + i, at.slope * loadFirst(up + i, rest) * pulled, rest);
    storeFirst(dUp + i, at.value * pulled, rest);
  }
}

}  // namespace

extern const ActivationKernels activationKernels;
const ActivationKernels activationKernels = {{gate<Silu>, gate<GeluTanh>, gate<Gelu>},
                                              {gradient<Silu>, gradient<GeluTanh>, gradient<Gelu>}};

}  // namespace kvfold::KVFOLD_ISA
