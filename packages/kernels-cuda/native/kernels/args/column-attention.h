// Causal attention of whole rows with a bias for each key, forward and backward, without a tokens x tokens matrix.
#pragma once
#include <cstdint>

namespace kvfold {

/**
 * `kvfold_bf16_planes`: float32 vectors, times a factor, as bf16 vectors of padded length, and what that leaves of them as
 * bf16 again. Grid `ceil(count * dims / 1024)`, block 256.
 */
struct Bf16PlanesArgs {
  uint64_t x;     // float32 [count, headDim]
  uint64_t main;  // bf16 [count, dims], written
  uint64_t rest;  // bf16 [count, dims], written; 0: not wanted
  int64_t count;
  int32_t headDim;
  int32_t dims;
  float factor;
};

/** Both planes of a tensor; `rest` 0 where products count with bf16 alone. */
struct Bf16Planes {
  uint64_t main;
  uint64_t rest;
};

/**
 * `kvfold_column_attention_<dims>` and, with all rests given, `kvfold_column_attention_exact_<dims>`, whose products are as
 * good as in float32; for dims 32, 64, 96, 128. Grid `[ceil(T / columnTile), rows * queryHeads]`, block `columnThreads`,
 * shared memory `columnSharedBytes(dims, exact)`.
 */
struct ColumnAttentionArgs {
  Bf16Planes q;     // [rows, queryHeads, T, dims], times scale and log2(e)
  Bf16Planes k;     // [rows, kvHeads, T, dims]
  Bf16Planes v;     // [rows, kvHeads, T, dims]
  uint64_t bias;    // float32 [rows, kvHeads, T], added to the scores of a key for queries more than `biasDelay` behind; 0: none
  uint64_t starts;  // int32 [rows, T], index at which each token's document starts; 0: each row is one
  uint64_t out;     // float32 [rows, queryHeads, T, headDim], written
  uint64_t lse;     // float32 [rows, queryHeads, T], written: ln of the sum of exp(scores)
  int32_t queryHeads;
  int32_t kvHeads;
  int32_t tokens;
  int32_t headDim;
  int32_t window;  // keys at this distance or further are hidden; T or more: none
  int32_t biasDelay;
};

/** `kvfold_column_attention_delta`: dOut . out - dLse of each query. Grid `ceil(count / 8)`, block 256. */
struct ColumnDeltaArgs {
  uint64_t out;    // float32 [count, headDim]
  uint64_t dOut;   // float32 [count, headDim]
  uint64_t dLse;   // float32 [count]; 0: zeros
  uint64_t delta;  // float32 [count], written
  int64_t count;
  int32_t headDim;
};

/**
 * The gradient in two kernels that may run at once, each sum always in the same order: `kvfold_column_attention_dq_<dims>`
 * with grid `[ceil(T / columnTile), rows * queryHeads]`, and `kvfold_column_attention_dkv_<dims>` with grid
 * `[ceil(T / columnTile), rows * kvHeads]`; with `exact_` before dims as above. Block `columnThreads`, shared memory
 * `columnGradientSharedBytes(dims, exact)`.
 */
struct ColumnAttentionGradientArgs {
  Bf16Planes q;     // as in the forward pass
  Bf16Planes k;
  Bf16Planes v;
  Bf16Planes dOut;  // [rows, queryHeads, T, dims]
  uint64_t bias;    // as in the forward pass
  uint64_t starts;
  uint64_t lse;     // float32 [rows, queryHeads, T]
  uint64_t delta;   // float32 [rows, queryHeads, T]
  uint64_t dq;      // float32 [rows, queryHeads, T, headDim], written by dq
  uint64_t dk;      // float32 [rows, kvHeads, T, headDim], written by dkv
  uint64_t dv;      // float32 [rows, kvHeads, T, headDim], written by dkv
  uint64_t dBias;   // float32 [rows, kvHeads, T], written by dkv; 0: not wanted
  int32_t queryHeads;
  int32_t kvHeads;
  int32_t tokens;
  int32_t headDim;
  int32_t window;
  int32_t biasDelay;
  float scale;
};

/** Tokens that a block owns, 16 a warp, and tokens of a stage that they meet. */
constexpr int32_t columnTile = 64;
constexpr int32_t columnStage = 32;
constexpr unsigned columnThreads = 128;

constexpr int32_t columnSharedBytes(int32_t dims, bool exact) {
  const int32_t row = dims * 2 * (exact ? 2 : 1);
  // queries, and two stages of keys and values; exact: one stage
  return columnTile * row + (exact ? 1 : 2) * 2 * columnStage * row;
}
constexpr int32_t columnGradientSharedBytes(int32_t dims, bool exact) {
  const int32_t row = dims * 2 * (exact ? 2 : 1);
  return 2 * columnTile * row + (exact ? 1 : 2) * 2 * columnStage * row;
}

}  // namespace kvfold
