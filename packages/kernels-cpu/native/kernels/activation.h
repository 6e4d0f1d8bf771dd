// Activations of gated MLPs.
#pragma once
#include <cstdint>

namespace kvfold {

/** In the order of `activations` in src/kernels/packed-gated-mlp.ts. */
enum class Activation : int { silu, geluTanh, gelu };

constexpr int activationCount = 3;

struct ActivationKernels {
  /** `out = activation(gate) up` for `n` elements; `out` may be one of the two. */
  using Gate = void (*)(const float* gate, const float* up, float* out, int64_t n);
  Gate gate[activationCount];
  /** Gradients by both from that of the result. */
  using Gradient = void (*)(const float* gate, const float* up, const float* dy, float* dGate, float* dUp, int64_t n);
  Gradient gradient[activationCount];
};

}  // namespace kvfold
