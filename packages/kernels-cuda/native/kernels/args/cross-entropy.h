// Negative log-likelihood of labels and its gradient; a row of logits a block.
#pragma once
#include <cstdint>

namespace kvfold {

constexpr unsigned crossEntropyThreads = 512;

/** `kvfold_cross_entropy`. Grid: rows, block `crossEntropyThreads`. Rows with a negative label get 0. */
struct CrossEntropyArgs {
  uint64_t logits;   // float32 [rows, vocab]
  uint64_t labels;   // int32 [rows], below vocab
  uint64_t weights;  // float32 [rows], factor of each loss; 0: all 1
  uint64_t loss;     // float32 [rows], written
  uint64_t lse;      // float32 [rows], written: ln of the sum of exp(logits); 0: not wanted
  int32_t vocab;
};

/** `kvfold_cross_entropy_gradient`: (softmax - one-hot) weight dy. Grid and block as above; may lie over the logits. */
struct CrossEntropyGradientArgs {
  uint64_t logits;   // float32 [rows, vocab]
  uint64_t labels;   // int32 [rows]
  uint64_t weights;  // float32 [rows]; 0: all 1
  uint64_t dy;       // float32 [rows]
  uint64_t lse;      // float32 [rows] of the forward pass; 0: made again
  uint64_t dLogits;  // float32 [rows, vocab], written
  int32_t vocab;
};

}  // namespace kvfold
