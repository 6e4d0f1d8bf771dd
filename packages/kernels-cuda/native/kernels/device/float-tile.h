// Tiles of float32 vectors in shared memory and products of them by plain arithmetic, where results must be as exact as float32.
#pragma once
#include "../math/fast-exp.h"
#include "warp.h"

namespace kvfold {

/**
 * A block of `threads` keeps `owned` vectors of `dims` and meets `staged` others at a time. Eight lanes of a warp, a group,
 * share the owned vectors `group + i * groups`; of their products with the stage each lane has the columns `part + 8 j`, of
 * sums of staged vectors the quads `part + 8 j`.
 */
template <int owned, int staged, int dims, int threads>
struct FloatTile {
  static constexpr int groups = threads / 8, own = owned / groups, columns = staged / 8, quads = dims / 32;
  /** Floats from one vector to the next, and from one row of weights to the next: neighbours lie in different banks. */
  static constexpr int stride = dims + 4, weightStride = staged + 4;
  static constexpr int ownedFloats = owned * stride, stagedFloats = staged * stride, weightFloats = owned * weightStride;
  using Products = float[own][columns];
  using Sums = float[own][4 * quads];

  static KVFOLD_DEVICE int part() { return threadIdx.x & 7; }
  static KVFOLD_DEVICE int vector(int i) { return static_cast<int>(threadIdx.x) / 8 + i * groups; }
  static KVFOLD_DEVICE int column(int j) { return part() + 8 * j; }
  static KVFOLD_DEVICE int dim(int i) { return (part() + 8 * (i / 4)) * 4 + i % 4; }

  /** Fills `rows` vectors with what `quad(row, dim)` gives from each fourth dim on. */
  template <class Quad>
  static KVFOLD_DEVICE void fill(float* tile, int rows, Quad&& quad) {
    for (int i = threadIdx.x; i < rows * dims / 4; i += threads) {
      const int row = i / (dims / 4), dim = i % (dims / 4) * 4;
      *reinterpret_cast<float4*>(tile + row * stride + dim) = quad(row, dim);
    }
  }

  /** products += owned vectors times staged ones. */
  static KVFOLD_DEVICE void multiply(const float* mine, const float* stage, Products& products) {
    // by twos: more would be loaded ahead than there are registers for beside the sums
    KVFOLD_UNROLL_BY(2)
    for (int quad = 0; quad < dims / 4; quad++) {
      float4 left[own];
      KVFOLD_UNROLL
      for (int i = 0; i < own; i++) left[i] = *reinterpret_cast<const float4*>(mine + vector(i) * stride + 4 * quad);
      KVFOLD_UNROLL
      for (int j = 0; j < columns; j++) {
        const float4 right = *reinterpret_cast<const float4*>(stage + column(j) * stride + 4 * quad);
        KVFOLD_UNROLL
        for (int i = 0; i < own; i++) {
          products[i][j] += left[i].x * right.x + left[i].y * right.y + left[i].z * right.z + left[i].w * right.w;
        }
      }
    }
  }

  /** sums += weights times staged vectors; the weights go through `room`, which a group has a part of for itself. */
  static KVFOLD_DEVICE void addWeighted(const Products& weights, float* room, const float* stage, Sums& sums) {
    __syncwarp();
    KVFOLD_UNROLL
    for (int i = 0; i < own; i++) {
      KVFOLD_UNROLL
      for (int j = 0; j < columns; j++) room[vector(i) * weightStride + column(j)] = weights[i][j];
    }
    __syncwarp();
    KVFOLD_UNROLL_BY(1)
    for (int first = 0; first < staged; first += 4) {
      float shares[own][4];
      KVFOLD_UNROLL
      for (int i = 0; i < own; i++) {
        const float4 four = *reinterpret_cast<const float4*>(room + vector(i) * weightStride + first);
        shares[i][0] = four.x, shares[i][1] = four.y, shares[i][2] = four.z, shares[i][3] = four.w;
      }
      KVFOLD_UNROLL
      for (int k = 0; k < 4; k++) {
        KVFOLD_UNROLL
        for (int quad = 0; quad < quads; quad++) {
          const float4 x = *reinterpret_cast<const float4*>(stage + (first + k) * stride + (part() + 8 * quad) * 4);
          KVFOLD_UNROLL
          for (int i = 0; i < own; i++) {
            float* sum = sums[i] + 4 * quad;
            sum[0] += shares[i][k] * x.x, sum[1] += shares[i][k] * x.y, sum[2] += shares[i][k] * x.z, sum[3] += shares[i][k] * x.w;
          }
        }
      }
    }
  }

  /** The softmax of owned vectors so far, in base 2: scores become weights, and older sums shrink where the peak rose. */
  struct Softmax {
    float peak[own];
    float total[own];  // of this lane's columns

    KVFOLD_DEVICE Softmax() {
      KVFOLD_UNROLL
      for (int i = 0; i < own; i++) peak[i] = hiddenScore, total[i] = 0;
    }

    KVFOLD_DEVICE void weigh(Products& scores, Sums& sums) {
      KVFOLD_UNROLL
      for (int i = 0; i < own; i++) {
        float highest = peak[i];
        KVFOLD_UNROLL
        for (int j = 0; j < columns; j++) highest = fmaxf(highest, scores[i][j]);
        KVFOLD_UNROLL
        for (int step = 1; step < 8; step *= 2) highest = fmaxf(highest, __shfl_xor_sync(wholeWarp, highest, step));
        raise(i, highest, sums);
        KVFOLD_UNROLL
        for (int j = 0; j < columns; j++) {
          scores[i][j] = scores[i][j] > hiddenScore ? exp2Fast(scores[i][j] - highest) : 0;
          total[i] += scores[i][j];
        }
      }
    }

    KVFOLD_DEVICE void raise(int i, float highest, Sums& sums) {
      const float factor = exp2Fast(peak[i] - highest);
      peak[i] = highest;
      total[i] *= factor;
      KVFOLD_UNROLL
      for (int k = 0; k < 4 * quads; k++) sums[i][k] *= factor;
    }

    /** The total over all columns, for every lane of the group. */
    KVFOLD_DEVICE float whole(int i) const { return overGroup(total[i]); }
  };

  /** Over the lanes of a group. */
  static KVFOLD_DEVICE float overGroup(float value) {
    KVFOLD_UNROLL
    for (int step = 1; step < 8; step *= 2) value += __shfl_xor_sync(wholeWarp, value, step);
    return value;
  }
};

/** Four numbers of a vector of `count`, times a factor; 0 behind its end. */
KVFOLD_DEVICE float4 quadOf(const float* x, int dim, int count, float factor) {
  float quad[4];
  KVFOLD_UNROLL
  for (int i = 0; i < 4; i++) quad[i] = dim + i < count ? x[dim + i] * factor : 0;
  return make_float4(quad[0], quad[1], quad[2], quad[3]);
}

}  // namespace kvfold
