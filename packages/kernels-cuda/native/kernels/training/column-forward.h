// Column attention, forward: a block owns 64 queries of a head and goes through the keys before them.
#pragma once
#include "column-mask.h"
#include "plane-tile.h"

namespace kvfold {

template <int dims>
KVFOLD_DEVICE void columnForward(const ColumnAttentionArgs& args) {
  using Owned = PlaneTile<columnTile, dims>;
  using Stage = PlaneTile<columnStage, dims>;
  constexpr int stages = 2;
  KVFOLD_DYNAMIC_SHARED(shared);
  unsigned char* queries = shared;
  const int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3, warpRow = static_cast<int>(threadIdx.x) / 32 * 16;
  const int head = static_cast<int>(blockIdx.y), row = head / args.queryHeads;
  const int kvHead = row * args.kvHeads + head % args.queryHeads / (args.queryHeads / args.kvHeads);
  // the last queries have the most to do, so they come first
  const int first = static_cast<int>(gridDim.x - 1 - blockIdx.x) * columnTile, own = first + warpRow;
  const int64_t queryBase = static_cast<int64_t>(head) * args.tokens, keyBase = static_cast<int64_t>(kvHead) * args.tokens;
  const ColumnMask mask = {args.starts == 0 ? nullptr : at<const int>(args.starts) + static_cast<int64_t>(row) * args.tokens, args.tokens,
                           args.window, args.biasDelay};
  const float* bias = args.bias == 0 ? nullptr : at<const float>(args.bias) + keyBase;
  const int start[2] = {mask.startOf(own + g), mask.startOf(own + g + 8)};
  const int begin = mask.firstKey(first) / columnStage, last = first + columnTile < args.tokens ? first + columnTile : args.tokens;
  const int end = (last + columnStage - 1) / columnStage;
  const auto stageAt = [&](int stage) { return shared + Owned::bytes + stage % stages * 2 * Stage::bytes; };
  const auto copyStage = [&](int stage) {
    if (stage < end) {
      Stage::copy(stageAt(stage), args.k, keyBase, stage * columnStage, args.tokens);
      Stage::copy(stageAt(stage) + Stage::bytes, args.v, keyBase, stage * columnStage, args.tokens);
    }
    commitCopies();
  };
  Owned::copy(queries, args.q, queryBase, first, args.tokens);
  copyStage(begin);
  float sums[dims / 8][4] = {};
  float peak[2] = {hiddenScore, hiddenScore}, total[2] = {};
  for (int stage = begin; stage < end; stage++) {
    copyStage(stage + 1);
    waitForCopies<stages - 1>();
    __syncthreads();
    const unsigned char* keys = stageAt(stage);
    const int key = stage * columnStage;
    float scores[columnStage / 8][4] = {};
    productOfVectors<dims>(queries, warpRow, keys, scores);
    const bool open = mask.isOpen(own, 16, key, columnStage);
    KVFOLD_UNROLL
    for (int j = 0; j < columnStage / 8; j++) {
      KVFOLD_UNROLL
      for (int i = 0; i < 4; i++) {
        const int query = own + g + 8 * (i >> 1), column = key + 8 * j + 2 * t + (i & 1);
        if (open || mask.isBiased(query, column)) scores[j][i] += scoreBias(bias, column, args.tokens);
        if (!open && !mask.sees(query, start[i >> 1], column)) scores[j][i] = hiddenScore;
      }
    }
    KVFOLD_UNROLL
    for (int half = 0; half < 2; half++) {
      float highest = peak[half];
      KVFOLD_UNROLL
      for (int j = 0; j < columnStage / 8; j++) highest = fmaxf(highest, fmaxf(scores[j][2 * half], scores[j][2 * half + 1]));
      highest = fmaxf(highest, __shfl_xor_sync(wholeWarp, highest, 1));
      highest = fmaxf(highest, __shfl_xor_sync(wholeWarp, highest, 2));
      const float factor = exp2Fast(peak[half] - highest);
      peak[half] = highest;
      total[half] *= factor;
      KVFOLD_UNROLL
      for (int j = 0; j < columnStage / 8; j++) {
        KVFOLD_UNROLL
        for (int i = 2 * half; i < 2 * half + 2; i++) {
          scores[j][i] = scores[j][i] > hiddenScore ? exp2Fast(scores[j][i] - highest) : 0;
          total[half] += scores[j][i];
        }
      }
      KVFOLD_UNROLL
      for (int tile = 0; tile < dims / 8; tile++) {
        sums[tile][2 * half] *= factor;
        sums[tile][2 * half + 1] *= factor;
      }
    }
    weightedVectors<dims>(scores, keys + Stage::bytes, sums);
    __syncthreads();
  }
  waitForCopies<0>();
  float share[2];
  KVFOLD_UNROLL
  for (int half = 0; half < 2; half++) {
    total[half] += __shfl_xor_sync(wholeWarp, total[half], 1);
    total[half] += __shfl_xor_sync(wholeWarp, total[half], 2);
    share[half] = total[half] > 0 ? __fdividef(1, total[half]) : 0;
    const int query = own + g + 8 * half;
    if (t == 0 && query < args.tokens) at<float>(args.lse)[queryBase + query] = (peak[half] + log2f(total[half])) * lnOf2;
  }
  writeVectors<dims>(args.out, queryBase, own, args.tokens, args.headDim, sums, share[0], share[1]);
}

}  // namespace kvfold
