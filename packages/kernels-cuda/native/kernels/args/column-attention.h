// Causal attention of whole rows with a bias for each key, forward and backward, without a tokens x tokens matrix.
#pragma once
#include <cstdint>

namespace kvfold {

/**
 * `kvfold_bf16_planes`: float32 vectors, times a factor, as bf16 vectors of padded length, and what that leaves of them as
 * bf16 again, which products of more than 8 bits may take. Grid `ceil(count * dims / 1024)`, block 256.
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

/**
 * `kvfold_column_attention_<dims>`, whose products count with bf16, and `kvfold_column_attention_exact_<dims>`, whose
 * arithmetic is float32 throughout; for dims 32, 64, 96, 128. Grid `[ceil(T / columnTile), rows * queryHeads]`, block
 * `columnThreads`, shared memory `columnSharedBytes(dims)` or `columnExactSharedBytes(dims)`.
 *
 * q, k, v and dOut are the main plane of `kvfold_bf16_planes`, `[.., T, dims]`, of queries times scale and log2(e); for exact
 * kernels float32 `[.., T, headDim]` as they are.
 */
struct ColumnAttentionArgs {
  uint64_t q;       // [rows, queryHeads, ..]
  uint64_t k;       // [rows, kvHeads, ..]
  uint64_t v;       // [rows, kvHeads, ..]
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
  float scale;      // of exact scores
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
 * `[ceil(T / columnTile), rows * kvHeads]`; with `exact_` before dims as above, and then `columnExactTile` in
 * the place of `columnTile`. Block `columnThreads`, shared memory `columnGradientSharedBytes(dims)` or
 * `columnExactGradientSharedBytes(dims)`.
 */
struct ColumnAttentionGradientArgs {
  uint64_t q;       // as in the forward pass
  uint64_t k;
  uint64_t v;
  uint64_t dOut;    // [rows, queryHeads, ..]
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

/** Tokens that a block owns, 16 a warp, and tokens of a stage that they meet; and what it owns in an exact gradient. */
constexpr int32_t columnTile = 64;
constexpr int32_t columnStage = 32;
constexpr int32_t columnExactTile = 32;
constexpr unsigned columnThreads = 128;

constexpr int32_t columnSharedBytes(int32_t dims) {
  // queries, and two stages of keys and values
  return (columnTile + 2 * 2 * columnStage) * dims * 2;
}
constexpr int32_t columnGradientSharedBytes(int32_t dims) { return (2 * columnTile + 2 * 2 * columnStage) * dims * 2; }

constexpr int32_t columnExactSharedBytes(int32_t dims) {
  // queries, keys and values, and weights
  return 4 * ((columnTile + 2 * columnStage) * (dims + 4) + columnTile * (columnStage + 4));
}
constexpr int32_t columnExactGradientSharedBytes(int32_t dims) {
  return 4 * (2 * (columnExactTile + columnStage) * (dims + 4) + columnExactTile * (columnStage + 4));
}

}  // namespace kvfold
