// Column attention, backward. Probabilities are made again from the scores and each query's lse; with
// ds = p (dOut v - delta): dq = scale ds k, dk = scale ds q, dv = p dOut, and the bias of a key gets the sum of its ds.
#pragma once
#include "column-mask.h"
#include "plane-tile.h"

namespace kvfold {

template <class Args>
KVFOLD_DEVICE ColumnMask columnMask(const Args& args, int row) {
  return {args.starts == 0 ? nullptr : at<const int>(args.starts) + static_cast<int64_t>(row) * args.tokens, args.tokens, args.window,
          args.biasDelay};
}

/** A block owns 64 queries of a head. */
template <int dims>
KVFOLD_DEVICE void columnQueryGradient(const ColumnAttentionGradientArgs& args) {
  using Owned = PlaneTile<columnTile, dims>;
  using Stage = PlaneTile<columnStage, dims>;
  constexpr int stages = 2;
  KVFOLD_DYNAMIC_SHARED(shared);
  const int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3, warpRow = static_cast<int>(threadIdx.x) / 32 * 16;
  const int head = static_cast<int>(blockIdx.y), row = head / args.queryHeads;
  const int kvHead = row * args.kvHeads + head % args.queryHeads / (args.queryHeads / args.kvHeads);
  const int first = static_cast<int>(gridDim.x - 1 - blockIdx.x) * columnTile, own = first + warpRow;
  const int64_t queryBase = static_cast<int64_t>(head) * args.tokens, keyBase = static_cast<int64_t>(kvHead) * args.tokens;
  const ColumnMask mask = columnMask(args, row);
  const float* bias = args.bias == 0 ? nullptr : at<const float>(args.bias) + keyBase;
  int start[2];
  float lse[2], delta[2];
  KVFOLD_UNROLL
  for (int half = 0; half < 2; half++) {
    const int query = own + g + 8 * half;
    start[half] = mask.startOf(query);
    lse[half] = query < args.tokens ? at<const float>(args.lse)[queryBase + query] * log2OfE : 0;
    delta[half] = query < args.tokens ? at<const float>(args.delta)[queryBase + query] : 0;
  }
  const int begin = mask.firstKey(first) / columnStage, last = first + columnTile < args.tokens ? first + columnTile : args.tokens;
  const int end = (last + columnStage - 1) / columnStage;
  const auto stageAt = [&](int stage) { return shared + 2 * Owned::bytes + stage % stages * 2 * Stage::bytes; };
  const auto copyStage = [&](int stage) {
    if (stage < end) {
      Stage::copy(stageAt(stage), args.k, keyBase, stage * columnStage, args.tokens);
      Stage::copy(stageAt(stage) + Stage::bytes, args.v, keyBase, stage * columnStage, args.tokens);
    }
    commitCopies();
  };
  Owned::copy(shared, args.q, queryBase, first, args.tokens);
  Owned::copy(shared + Owned::bytes, args.dOut, queryBase, first, args.tokens);
  copyStage(begin);
  float sums[dims / 8][4] = {};
  for (int stage = begin; stage < end; stage++) {
    copyStage(stage + 1);
    waitForCopies<stages - 1>();
    __syncthreads();
    const unsigned char* keys = stageAt(stage);
    const int key = stage * columnStage;
    float scores[columnStage / 8][4] = {}, pulls[columnStage / 8][4] = {};
    productOfVectors<dims>(shared, warpRow, keys, scores);
    productOfVectors<dims>(shared + Owned::bytes, warpRow, keys + Stage::bytes, pulls);
    const bool open = mask.isOpen(own, 16, key, columnStage);
    KVFOLD_UNROLL
    for (int j = 0; j < columnStage / 8; j++) {
      KVFOLD_UNROLL
      for (int i = 0; i < 4; i++) {
        const int query = own + g + 8 * (i >> 1), column = key + 8 * j + 2 * t + (i & 1);
        if (open || mask.isBiased(query, column)) scores[j][i] += scoreBias(bias, column, args.tokens);
        const bool seen = open || mask.sees(query, start[i >> 1], column);
        scores[j][i] = seen ? exp2Fast(scores[j][i] - lse[i >> 1]) * (pulls[j][i] - delta[i >> 1]) : 0;
      }
    }
    weightedVectors<dims>(scores, keys, sums);
    __syncthreads();
  }
  waitForCopies<0>();
  writeVectors<dims>(args.dq, queryBase, own, args.tokens, args.headDim, sums, args.scale, args.scale);
}

/** A block owns 64 keys of a KV head and goes through the queries behind them, of all heads of the group. */
template <int dims>
KVFOLD_DEVICE void columnKeyGradient(const ColumnAttentionGradientArgs& args) {
  using Owned = PlaneTile<columnTile, dims>;
  using Stage = PlaneTile<columnStage, dims>;
  constexpr int stages = 2;
  KVFOLD_DYNAMIC_SHARED(shared);
  const int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3, warpRow = static_cast<int>(threadIdx.x) / 32 * 16;
  const int kvHead = static_cast<int>(blockIdx.y), row = kvHead / args.kvHeads, group = args.queryHeads / args.kvHeads;
  const int first = static_cast<int>(blockIdx.x) * columnTile, own = first + warpRow;
  const int64_t keyBase = static_cast<int64_t>(kvHead) * args.tokens;
  const int64_t headBase = static_cast<int64_t>(row) * args.queryHeads + kvHead % args.kvHeads * group;
  const ColumnMask mask = columnMask(args, row);
  const float* bias = args.bias == 0 ? nullptr : at<const float>(args.bias) + keyBase;
  const float ownBias[2] = {scoreBias(bias, own + g, args.tokens), scoreBias(bias, own + g + 8, args.tokens)};
  const int begin = first / columnStage;
  const int lastKey = first + columnTile < args.tokens ? first + columnTile - 1 : args.tokens - 1;
  const int each = (mask.lastQuery(lastKey) + columnStage - 1) / columnStage - begin, end = each * group;
  const auto stageAt = [&](int stage) { return shared + 2 * Owned::bytes + stage % stages * 2 * Stage::bytes; };
  const auto copyStage = [&](int stage) {
    if (stage < end) {
      const int64_t base = (headBase + stage / each) * args.tokens;
      const int query = (begin + stage % each) * columnStage;
      Stage::copy(stageAt(stage), args.q, base, query, args.tokens);
      Stage::copy(stageAt(stage) + Stage::bytes, args.dOut, base, query, args.tokens);
    }
    commitCopies();
  };
  Owned::copy(shared, args.k, keyBase, first, args.tokens);
  Owned::copy(shared + Owned::bytes, args.v, keyBase, first, args.tokens);
  copyStage(0);
  float keySums[dims / 8][4] = {}, valueSums[dims / 8][4] = {}, biasSums[2] = {};
  for (int stage = 0; stage < end; stage++) {
    copyStage(stage + 1);
    waitForCopies<stages - 1>();
    __syncthreads();
    const unsigned char* queries = stageAt(stage);
    const int64_t base = (headBase + stage / each) * args.tokens;
    const int query = (begin + stage % each) * columnStage;
    // rows are keys, columns are queries; values first, so that few sums are in registers at once
    float weights[columnStage / 8][4] = {};
    productOfVectors<dims>(shared, warpRow, queries, weights);
    const bool open = mask.isOpen(query, columnStage, own, 16);
    KVFOLD_UNROLL
    for (int j = 0; j < columnStage / 8; j++) {
      KVFOLD_UNROLL
      for (int side = 0; side < 2; side++) {
        const int column = query + 8 * j + 2 * t + side, start = mask.startOf(column);
        const float lse = column < args.tokens ? at<const float>(args.lse)[base + column] * log2OfE : 0;
        KVFOLD_UNROLL
        for (int half = 0; half < 2; half++) {
          const int key = own + g + 8 * half, i = 2 * half + side;
          const bool biased = open || mask.isBiased(column, key), seen = open || mask.sees(column, start, key);
          weights[j][i] = seen ? exp2Fast(weights[j][i] + (biased ? ownBias[half] : 0) - lse) : 0;
        }
      }
    }
    weightedVectors<dims>(weights, queries + Stage::bytes, valueSums);
    float pulls[columnStage / 8][4] = {};
    productOfVectors<dims>(shared + Owned::bytes, warpRow, queries + Stage::bytes, pulls);
    KVFOLD_UNROLL
    for (int j = 0; j < columnStage / 8; j++) {
      KVFOLD_UNROLL
      for (int side = 0; side < 2; side++) {
        const int column = query + 8 * j + 2 * t + side;
        const float delta = column < args.tokens ? at<const float>(args.delta)[base + column] : 0;
        KVFOLD_UNROLL
        for (int half = 0; half < 2; half++) {
          const int i = 2 * half + side;
          pulls[j][i] = weights[j][i] * (pulls[j][i] - delta);
          if (open || mask.isBiased(column, own + g + 8 * half)) biasSums[half] += pulls[j][i];
        }
      }
    }
    weightedVectors<dims>(pulls, queries, keySums);
    __syncthreads();
  }
  waitForCopies<0>();
  // queries came with scale and log2(e) in them
  writeVectors<dims>(args.dk, keyBase, own, args.tokens, args.headDim, keySums, lnOf2, lnOf2);
  writeVectors<dims>(args.dv, keyBase, own, args.tokens, args.headDim, valueSums, 1, 1);
  KVFOLD_UNROLL
  for (int half = 0; half < 2; half++) {
    float sum = biasSums[half];
    sum += __shfl_xor_sync(wholeWarp, sum, 1);
    sum += __shfl_xor_sync(wholeWarp, sum, 2);
    const int key = own + g + 8 * half;
    if (args.dBias != 0 && t == 0 && key < args.tokens) at<float>(args.dBias)[keyBase + key] = sum;
  }
}

}  // namespace kvfold
