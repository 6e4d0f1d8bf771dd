// Attention of training: a block of queries of one head over all keys of its lane that it sees, forward and backward.
// Probabilities are made block by block and again for the gradient, from the log-sum-exp of each query.
//
// Scores lie with queries along the vectors: peaks, sums and differences of a softmax need no sums over lanes, and the bias of
// a key is one number for a row.
#pragma once
#include <cstdint>

namespace kvfold {

/** Most queries of a block, and keys that are worked on at once. */
constexpr int64_t columnBlock = 96;

/** A block of queries of one head, and the keys of its lane. Numbers of a token follow one another, `headDim` of them. */
struct ColumnTask {
  /** Of the block's first query. */
  const float* q;
  /** Of the lane. */
  const float* k;
  const float* v;
  /** Added to the scores of a key for queries further than `biasDelay` behind it, `[tokens]`; null: nothing. */
  const float* bias;
  /** `[tokens]`: key j is seen by the queries `j <= i < until[j]`; never falls from key to key. */
  const int32_t* until;
  /** Token of the first query, and how many there are, at most `columnBlock`. */
  int64_t first;
  int64_t count;
  int64_t headDim;
  int64_t biasDelay;
  float scale;
};

/** Where the gradients of a block's queries come from and go. */
struct ColumnPull {
  /** Of the block: what attention gave, and the gradients of it. `dLse` may be null. */
  const float* out;
  const float* lse;
  const float* dOut;
  const float* dLse;
  /** Of the block; written. */
  float* dq;
  /** Of the lane; added to. `dBias` may be null. */
  float* dk;
  float* dv;
  float* dBias;
};

struct ColumnAttentionKernels {
  /** `out [count, headDim]` and `lse [count]`, with `columnMemory(headDim)` floats to work in. A query that sees nothing gives 0. */
  void (*attend)(const ColumnTask& task, float* out, float* lse, float* memory);
  void (*pull)(const ColumnTask& task, const ColumnPull& pull, float* memory);
};

constexpr int64_t columnMemory(int64_t headDim) { return columnBlock * (2 * headDim + columnBlock + 12 + 4); }

}  // namespace kvfold
