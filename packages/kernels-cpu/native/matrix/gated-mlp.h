// The gated MLP of a decoder layer with packed weights.
#pragma once
#include "../kernels/activation.h"
#include "packed-linear.h"

namespace kvfold {

/** Root-mean-square normalisation before a product; `weight` null for none. */
struct InputNorm {
  const float* weight;
  float offset;
  float epsilon;
};

struct GatedMlp {
  /** `[hidden, dim]` */
  PackedLinear gate;
  PackedLinear up;
  /** `[dim, hidden]` */
  PackedLinear down;
  Activation activation;
  /** With a norm the result is `x + mlp(norm(x))`, without one `mlp(x)`. */
  InputNorm norm;
};

/** `x` and `y` are `[rows, dim]` and may be the same. @returns false when there is no memory */
bool gatedMlp(const GatedMlp& mlp, const float* x, int64_t rows, float* y);

/** Normalises rows on all threads where that pays. */
void normRows(const InputNorm& norm, const float* x, int64_t rows, int64_t dim, float* y);

}  // namespace kvfold
