// Softmax of rows, and what is made of it.
#pragma once
#include <cstdint>

namespace kvfold {

struct SoftmaxKernels {
  /** e^(x - max) / sum of each row of `n`; `out` may be `x`. */
  void (*softmax)(const float* x, int64_t rows, int64_t n, float* out);
  /**
   * Loss of each row of `n` logits, (log of the sum of e^logit - logit of the label) weight; 0 for a negative label.
   * `weights` is null for all 1.
   */
  void (*crossEntropy)(const float* logits, const int32_t* labels, const float* weights, int64_t rows, int64_t n, float* out);
  /** Its gradient times `dy` of each row: (softmax - one at the label) weight dy. `out` may be `logits`. */
  void (*crossEntropyGradient)(const float* logits, const int32_t* labels, const float* weights, const float* dy, int64_t rows,
                               int64_t n, float* out);
  /** KL(softmax(p) || softmax(q)) of each row of `n` logits. */
  void (*divergence)(const float* p, const float* q, int64_t rows, int64_t n, float* out);
  /** Its gradient by p (`byFirst`) or q times `dy` of each row. `out` may be neither. */
  void (*divergenceGradient)(bool byFirst, const float* p, const float* q, const float* dy, int64_t rows, int64_t n, float* out);
};

}  // namespace kvfold
