// Activations of a gated MLP and their derivatives.
#pragma once
#include "../args/activation.h"
#include "../device/platform.h"

namespace kvfold {

struct Activated {
  float value;
  float slope;
};

KVFOLD_HOST_DEVICE Activated activate(float x, Activation activation) {
  if (activation == Activation::silu) {
    const float sigmoid = 1 / (1 + expf(-x));
    return {x * sigmoid, sigmoid * (1 + x * (1 - sigmoid))};
  }
  if (activation == Activation::gelu) {
    const float phi = 0.5f * (1 + erff(x * 0.70710678118654752f));
    return {x * phi, phi + x * 0.3989422804014327f * expf(-0.5f * x * x)};
  }
  // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
  constexpr float root = 0.7978845608028654f, cubic = 0.044715f;
  const float t = tanhf(root * (x + cubic * x * x * x));
  return {0.5f * x * (1 + t), 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * root * (1 + 3 * cubic * x * x)};
}

}  // namespace kvfold
