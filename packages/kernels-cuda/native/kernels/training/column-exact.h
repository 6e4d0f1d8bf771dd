// Column attention in float32 throughout, forward and backward, without tensor cores; see args/column-attention.h.
#pragma once
#include "../args/column-attention.h"
#include "../device/float-tile.h"
#include "column-mask.h"

namespace kvfold {

/** Which vectors of a tensor a stage holds. */
struct ExactVectors {
  const float* first;  // of the head
  int headDim;
  int tokens;

  KVFOLD_DEVICE ExactVectors(uint64_t address, int64_t head, int count, int dim)
      : first(at<const float>(address) + head * count * dim), headDim(dim), tokens(count) {}
  /** Four numbers of a token, times a factor; zeros behind the last one. */
  KVFOLD_DEVICE float4 quad(int token, int dim, float factor) const {
    const bool real = token < tokens;
    return quadOf(first + static_cast<int64_t>(real ? token : 0) * headDim, dim, real ? headDim : 0, factor);
  }
};

template <class Args>
KVFOLD_DEVICE ColumnMask exactMask(const Args& args, int row) {
  return {args.starts == 0 ? nullptr : at<const int>(args.starts) + static_cast<int64_t>(row) * args.tokens, args.tokens, args.window,
          args.biasDelay};
}

/** Writes owned vectors of a head, each times its factor. */
template <class Tile, class Factor>
KVFOLD_DEVICE void writeExact(uint64_t to, int64_t head, int first, int tokens, int headDim, const typename Tile::Sums& sums, Factor&& factor) {
  KVFOLD_UNROLL
  for (int i = 0; i < Tile::own; i++) {
    const int token = first + Tile::vector(i);
    const float by = factor(i);
    if (token >= tokens) continue;
    float* out = at<float>(to) + (head * tokens + token) * headDim;
    KVFOLD_UNROLL
    for (int k = 0; k < 4 * Tile::quads; k++) {
      if (Tile::dim(k) < headDim) out[Tile::dim(k)] = sums[i][k] * by;
    }
  }
}

template <int dims>
KVFOLD_DEVICE void columnForwardExact(const ColumnAttentionArgs& args) {
  using Tile = FloatTile<columnTile, columnStage, dims, static_cast<int>(columnThreads)>;
  KVFOLD_DYNAMIC_SHARED(shared);
  float* const queries = reinterpret_cast<float*>(shared);
  float *const keys = queries + Tile::ownedFloats, *const values = keys + Tile::stagedFloats, *const room = values + Tile::stagedFloats;
  const int head = static_cast<int>(blockIdx.y), row = head / args.queryHeads;
  const int kvHead = row * args.kvHeads + head % args.queryHeads / (args.queryHeads / args.kvHeads);
  // the last queries have the most to do, so they come first
  const int first = static_cast<int>(gridDim.x - 1 - blockIdx.x) * columnTile, end = first + columnTile < args.tokens ? first + columnTile : args.tokens;
  const ExactVectors q(args.q, head, args.tokens, args.headDim), k(args.k, kvHead, args.tokens, args.headDim), v(args.v, kvHead, args.tokens, args.headDim);
  const ColumnMask mask = exactMask(args, row);
  const float* bias = args.bias == 0 ? nullptr : at<const float>(args.bias) + static_cast<int64_t>(kvHead) * args.tokens;
  int start[Tile::own];
  KVFOLD_UNROLL
  for (int i = 0; i < Tile::own; i++) start[i] = mask.startOf(first + Tile::vector(i));
  Tile::fill(queries, columnTile, [&](int token, int dim) { return q.quad(first + token, dim, args.scale * log2OfE); });
  typename Tile::Sums sums = {};
  typename Tile::Softmax softmax;
  for (int key = mask.firstKey(first) / columnStage * columnStage; key < end; key += columnStage) {
    __syncthreads();
    Tile::fill(keys, columnStage, [&](int token, int dim) { return k.quad(key + token, dim, 1); });
    Tile::fill(values, columnStage, [&](int token, int dim) { return v.quad(key + token, dim, 1); });
    __syncthreads();
    typename Tile::Products scores = {};
    Tile::multiply(queries, keys, scores);
    KVFOLD_UNROLL
    for (int j = 0; j < Tile::columns; j++) {
      const int column = key + Tile::column(j);
      const float own = scoreBias(bias, column, args.tokens);
      KVFOLD_UNROLL
      for (int i = 0; i < Tile::own; i++) {
        const int query = first + Tile::vector(i);
        if (mask.isBiased(query, column)) scores[i][j] += own;
        if (!mask.sees(query, start[i], column)) scores[i][j] = hiddenScore;
      }
    }
    softmax.weigh(scores, sums);
    Tile::addWeighted(scores, room, values, sums);
  }
  writeExact<Tile>(args.out, head, first, args.tokens, args.headDim, sums, [&](int i) {
    const float total = softmax.whole(i);
    const int query = first + Tile::vector(i);
    if (Tile::part() == 0 && query < args.tokens) {
      at<float>(args.lse)[static_cast<int64_t>(head) * args.tokens + query] = (softmax.peak[i] + log2f(total)) * lnOf2;
    }
    return total > 0 ? __fdividef(1, total) : 0;
  });
}

/** A block owns queries of a head. */
template <int dims>
KVFOLD_DEVICE void columnQueryGradientExact(const ColumnAttentionGradientArgs& args) {
  using Tile = FloatTile<columnExactTile, columnStage, dims, static_cast<int>(columnThreads)>;
  KVFOLD_DYNAMIC_SHARED(shared);
  float* const queries = reinterpret_cast<float*>(shared);
  float *const upstream = queries + Tile::ownedFloats, *const keys = upstream + Tile::ownedFloats;
  float *const values = keys + Tile::stagedFloats, *const room = values + Tile::stagedFloats;
  const int head = static_cast<int>(blockIdx.y), row = head / args.queryHeads;
  const int kvHead = row * args.kvHeads + head % args.queryHeads / (args.queryHeads / args.kvHeads);
  const int first = static_cast<int>(gridDim.x - 1 - blockIdx.x) * columnExactTile;
  const int end = first + columnExactTile < args.tokens ? first + columnExactTile : args.tokens;
  const ExactVectors q(args.q, head, args.tokens, args.headDim), dOut(args.dOut, head, args.tokens, args.headDim);
  const ExactVectors k(args.k, kvHead, args.tokens, args.headDim), v(args.v, kvHead, args.tokens, args.headDim);
  const ColumnMask mask = exactMask(args, row);
  const float* bias = args.bias == 0 ? nullptr : at<const float>(args.bias) + static_cast<int64_t>(kvHead) * args.tokens;
  int start[Tile::own];
  float lse[Tile::own], delta[Tile::own];
  KVFOLD_UNROLL
  for (int i = 0; i < Tile::own; i++) {
    const int query = first + Tile::vector(i);
    const int64_t place = static_cast<int64_t>(head) * args.tokens + query;
    start[i] = mask.startOf(query);
    lse[i] = query < args.tokens ? at<const float>(args.lse)[place] * log2OfE : 0;
    delta[i] = query < args.tokens ? at<const float>(args.delta)[place] : 0;
  }
  Tile::fill(queries, columnExactTile, [&](int token, int dim) { return q.quad(first + token, dim, args.scale * log2OfE); });
  Tile::fill(upstream, columnExactTile, [&](int token, int dim) { return dOut.quad(first + token, dim, 1); });
  typename Tile::Sums sums = {};
  for (int key = mask.firstKey(first) / columnStage * columnStage; key < end; key += columnStage) {
    __syncthreads();
    Tile::fill(keys, columnStage, [&](int token, int dim) { return k.quad(key + token, dim, 1); });
    Tile::fill(values, columnStage, [&](int token, int dim) { return v.quad(key + token, dim, 1); });
    __syncthreads();
    typename Tile::Products weights = {}, pulls = {};
    Tile::multiply(queries, keys, weights);
    Tile::multiply(upstream, values, pulls);
    KVFOLD_UNROLL
    for (int j = 0; j < Tile::columns; j++) {
      const int column = key + Tile::column(j);
      const float own = scoreBias(bias, column, args.tokens);
      KVFOLD_UNROLL
      for (int i = 0; i < Tile::own; i++) {
        const int query = first + Tile::vector(i);
        const float score = weights[i][j] + (mask.isBiased(query, column) ? own : 0);
        weights[i][j] = mask.sees(query, start[i], column) ? exp2Fast(score - lse[i]) * (pulls[i][j] - delta[i]) : 0;
      }
    }
    Tile::addWeighted(weights, room, keys, sums);
  }
  writeExact<Tile>(args.dq, head, first, args.tokens, args.headDim, sums, [&](int) { return args.scale; });
}

/** A block owns keys of a KV head and goes through the queries behind them, of all heads of the group. */
template <int dims>
KVFOLD_DEVICE void columnKeyGradientExact(const ColumnAttentionGradientArgs& args) {
  using Tile = FloatTile<columnExactTile, columnStage, dims, static_cast<int>(columnThreads)>;
  KVFOLD_DYNAMIC_SHARED(shared);
  float* const keys = reinterpret_cast<float*>(shared);
  float *const values = keys + Tile::ownedFloats, *const queries = values + Tile::ownedFloats;
  float *const upstream = queries + Tile::stagedFloats, *const room = upstream + Tile::stagedFloats;
  const int kvHead = static_cast<int>(blockIdx.y), row = kvHead / args.kvHeads, group = args.queryHeads / args.kvHeads;
  const int first = static_cast<int>(blockIdx.x) * columnExactTile;
  const int last = first + columnExactTile < args.tokens ? first + columnExactTile - 1 : args.tokens - 1;
  const ExactVectors k(args.k, kvHead, args.tokens, args.headDim), v(args.v, kvHead, args.tokens, args.headDim);
  const ColumnMask mask = exactMask(args, row);
  const float* bias = args.bias == 0 ? nullptr : at<const float>(args.bias) + static_cast<int64_t>(kvHead) * args.tokens;
  float ownBias[Tile::own], biasSums[Tile::own] = {};
  KVFOLD_UNROLL
  for (int i = 0; i < Tile::own; i++) ownBias[i] = scoreBias(bias, first + Tile::vector(i), args.tokens);
  Tile::fill(keys, columnExactTile, [&](int token, int dim) { return k.quad(first + token, dim, 1); });
  Tile::fill(values, columnExactTile, [&](int token, int dim) { return v.quad(first + token, dim, 1); });
  typename Tile::Sums keySums = {}, valueSums = {};
  const int begin = first / columnStage * columnStage, end = mask.lastQuery(last);
  for (int own = 0; own < group; own++) {
    const int64_t head = static_cast<int64_t>(row) * args.queryHeads + kvHead % args.kvHeads * group + own;
    const ExactVectors q(args.q, head, args.tokens, args.headDim), dOut(args.dOut, head, args.tokens, args.headDim);
    for (int query = begin; query < end; query += columnStage) {
      __syncthreads();
      Tile::fill(queries, columnStage, [&](int token, int dim) { return q.quad(query + token, dim, args.scale * log2OfE); });
      Tile::fill(upstream, columnStage, [&](int token, int dim) { return dOut.quad(query + token, dim, 1); });
      __syncthreads();
      // owned vectors are keys, columns are queries
      typename Tile::Products weights = {}, pulls = {};
      Tile::multiply(keys, queries, weights);
      Tile::multiply(values, upstream, pulls);
      KVFOLD_UNROLL
      for (int j = 0; j < Tile::columns; j++) {
        const int column = query + Tile::column(j), start = mask.startOf(column);
        const bool real = column < args.tokens;
        const int64_t place = head * args.tokens + (real ? column : 0);
        const float lse = real ? at<const float>(args.lse)[place] * log2OfE : 0, delta = real ? at<const float>(args.delta)[place] : 0;
        KVFOLD_UNROLL
        for (int i = 0; i < Tile::own; i++) {
          const int key = first + Tile::vector(i);
          const bool biased = mask.isBiased(column, key);
          weights[i][j] = mask.sees(column, start, key) ? exp2Fast(weights[i][j] + (biased ? ownBias[i] : 0) - lse) : 0;
          pulls[i][j] = weights[i][j] * (pulls[i][j] - delta);
          if (biased) biasSums[i] += pulls[i][j];
        }
      }
      Tile::addWeighted(weights, room, upstream, valueSums);
      Tile::addWeighted(pulls, room, queries, keySums);
    }
  }
  // queries came with scale and log2(e) in them
  writeExact<Tile>(args.dk, kvHead, first, args.tokens, args.headDim, keySums, [](int) { return lnOf2; });
  writeExact<Tile>(args.dv, kvHead, first, args.tokens, args.headDim, valueSums, [](int) { return 1.0f; });
  KVFOLD_UNROLL
  for (int i = 0; i < Tile::own; i++) {
    const float sum = Tile::overGroup(biasSums[i]);
    const int key = first + Tile::vector(i);
    if (args.dBias != 0 && Tile::part() == 0 && key < args.tokens) at<float>(args.dBias)[static_cast<int64_t>(kvHead) * args.tokens + key] = sum;
  }
}

}  // namespace kvfold
