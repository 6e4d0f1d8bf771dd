// Causal attention over whole rows for training; the loops over lanes around kernels/column-attention.h.
#pragma once
#include <cstdint>

namespace kvfold {

/** Shapes, as the contract has them: q `[rows, kvHeads * group, tokens, headDim]`, k and v `[rows, kvHeads, tokens, headDim]`. */
struct ColumnAttention {
  const float* q;
  const float* k;
  const float* v;
  /** `[rows, kvHeads, tokens]`, or null. */
  const float* bias;
  /** `[rows, tokens]`, or null: index at which a token's document starts; never falls along a row. */
  const int32_t* starts;
  int64_t rows;
  int64_t kvHeads;
  int64_t group;
  int64_t tokens;
  int64_t headDim;
  float scale;
  /** Keys this far away are hidden; at least 1. */
  int64_t window;
  int64_t biasDelay;
};

/** What the gradient is made from and what it becomes; `dLse` and `dBias` may be null. */
struct ColumnAttentionGradient {
  const float* out;
  const float* lse;
  const float* dOut;
  const float* dLse;
  float* dq;
  float* dk;
  float* dv;
  float* dBias;
};

/** Writes `out`, of the shape of q, and `lse [rows, kvHeads * group, tokens]`. @returns false when there is no memory */
bool columnAttention(const ColumnAttention& call, float* out, float* lse);

/** Threads share whole lanes, so that the sums over a lane's queries are always in the same order. @returns false when there is no memory */
bool columnAttentionGradient(const ColumnAttention& call, const ColumnAttentionGradient& gradient);

}  // namespace kvfold
