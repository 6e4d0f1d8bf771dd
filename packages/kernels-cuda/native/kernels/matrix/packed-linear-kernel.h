// y^T [outputs, tokens] = weight x^T: weights are the left factors of small products, so that up to 8 tokens are the columns
// of one. x goes in as planes of bf16, three of which hold it whole. The warps of a block share the outputs and divide the inputs.
#pragma once
#include "packed-tiles.h"

namespace kvfold {

/** Planes of x: of float32 products, and of those whose precision is bf16. */
constexpr int exactPlanes = 3, narrowPlanes = 2;

template <WeightFormat format, int xPlanes>
class PackedLinear {
 public:
  KVFOLD_DEVICE explicit PackedLinear(const PackedLinearArgs& args)
      : args_(args), g_((threadIdx.x & 31) >> 2), t_(threadIdx.x & 3), firstOutput_(static_cast<int>(blockIdx.x) * packedLinearOutputs) {
    for (int i = 0; i < mostPlanes; i++) planes_.plane[i] = at<const unsigned char>(args.planes[i]);
    token_ = static_cast<int>(blockIdx.y) * packedLinearTokens + g_;
    KVFOLD_UNROLL
    for (int i = 0; i < rowsOfLane; i++) {
      const int output = firstOutput_ + 8 * i + g_;
      rows_[i] = output < args.outputs ? output : args.outputs - 1;
    }
  }

  KVFOLD_DEVICE void run() {
    const int warp = static_cast<int>(threadIdx.x) / 32, warps = static_cast<int>(packedLinearThreads) / 32;
    const int spans = args_.inputs / 32;
    // stretches of 256 inputs, so that a warp reads whole lines of a row
    for (int first = warp * spansPerTurn; first < spans; first += warps * spansPerTurn) {
      KVFOLD_UNROLL_BY(4)
      for (int i = 0; i < spansPerTurn; i++) {
        if (first + i < spans) addSpan(first + i);
      }
    }
    join();
  }

 private:
  using Tiles = PackedTiles<format>;
  static constexpr int tiles = packedLinearOutputs / 16;
  static constexpr int rowsOfLane = 2 * tiles;
  static constexpr int spansPerTurn = 8;

  struct Factor {
    uint32_t plane[xPlanes][2];
  };

  KVFOLD_DEVICE Factor loadX(int step) const {
    float4 x = make_float4(0, 0, 0, 0);
    if (token_ < args_.tokens) {
      x = __ldg(reinterpret_cast<const float4*>(at<const float>(args_.x) + static_cast<int64_t>(token_) * args_.inputs + 16 * step + 4 * t_));
    }
    const float second = Tiles::interleaved ? x.z : x.y, third = Tiles::interleaved ? x.y : x.z;
    Factor factor;
    splitPair(x.x, second, factor.plane, 0);
    splitPair(third, x.w, factor.plane, 1);
    return factor;
  }

  /**
   * 32 inputs: two steps. They are a sum of their own, which float32 additions round into the rest: tensor cores cut off what
   * their sums cannot hold, which would add up over a whole row.
   */
  KVFOLD_DEVICE void addSpan(int span) {
    const Factor x[2] = {loadX(2 * span), loadX(2 * span + 1)};
    KVFOLD_UNROLL
    for (int step = 0; step < 2; step += Tiles::scaleSteps == 1 ? 1 : 2) {
      float xSums[4] = {};
      if (Tiles::hasMinimum) {
        constexpr uint32_t ones[4] = {0x3f803f80u, 0x3f803f80u, 0x3f803f80u, 0x3f803f80u};
        KVFOLD_UNROLL
        for (int i = 0; i < 2; i++) {
          KVFOLD_UNROLL
          for (int plane = xPlanes - 1; plane >= 0; plane--) multiplyBf16(xSums, ones, x[i].plane[plane][0], x[i].plane[plane][1]);
        }
      }
      KVFOLD_UNROLL
      for (int tile = 0; tile < tiles; tile++) {
        float part[4] = {};
        KVFOLD_UNROLL
        for (int i = step; i < step + (Tiles::scaleSteps == 1 ? 1 : 2); i++) multiply(part, tile, 2 * span + i, x[i]);
        if (Tiles::scaleSteps == 0) {
          KVFOLD_UNROLL
          for (int i = 0; i < 4; i++) sums_[tile][i] += part[i];
          continue;
        }
        KVFOLD_UNROLL
        for (int half = 0; half < 2; half++) {
          const auto scale = Tiles::scaleOf(planes_, rows_[2 * tile + half], 2 * span + step, args_.inputs);
          KVFOLD_UNROLL
          for (int column = 0; column < 2; column++) {
            float& sum = sums_[tile][2 * half + column];
            sum += scale.scale * part[2 * half + column];
            if (Tiles::hasMinimum) sum += scale.minimum * xSums[column];
          }
        }
      }
    }
  }

  /** Smallest products first. Those of planes i and j with i + j = xPlanes are left out: with three, 2^-23 of the whole at most. */
  KVFOLD_DEVICE void multiply(float (&sums)[4], int tile, int step, const Factor& x) const {
    const typename Tiles::Words upper = Tiles::load(planes_, rows_[2 * tile], step, t_, args_.inputs);
    const typename Tiles::Words lower = Tiles::load(planes_, rows_[2 * tile + 1], step, t_, args_.inputs);
    KVFOLD_UNROLL
    for (int place = xPlanes - 1; place >= 0; place--) {
      KVFOLD_UNROLL
      for (int i = 0; i < Tiles::planes && i <= place; i++) {
        const uint32_t a[4] = {upper.plane[i][0], lower.plane[i][0], upper.plane[i][1], lower.plane[i][1]};
        multiplyBf16(sums, a, x.plane[place - i][0], x.plane[place - i][1]);
      }
    }
  }

  /** Adds up what the warps found, in order. */
  KVFOLD_DEVICE void join() {
    constexpr int warps = static_cast<int>(packedLinearThreads) / 32;
    __shared__ float found[warps][packedLinearTokens][packedLinearOutputs + 1];
    const int warp = static_cast<int>(threadIdx.x) / 32;
    KVFOLD_UNROLL
    for (int tile = 0; tile < tiles; tile++) {
      KVFOLD_UNROLL
      for (int i = 0; i < 4; i++) found[warp][2 * t_ + (i & 1)][16 * tile + g_ + 8 * (i >> 1)] = sums_[tile][i];
    }
    __syncthreads();
    const int own = static_cast<int>(threadIdx.x) / packedLinearOutputs, output = static_cast<int>(threadIdx.x) % packedLinearOutputs;
    const int token = static_cast<int>(blockIdx.y) * packedLinearTokens + own;
    if (token >= args_.tokens || firstOutput_ + output >= args_.outputs) return;
    float sum = 0;
    for (int i = 0; i < warps; i++) sum += found[i][own][output];
    const int64_t place = static_cast<int64_t>(token) * args_.outputs + firstOutput_ + output;
    if (args_.bias != 0) sum += at<const float>(args_.bias)[firstOutput_ + output];
    if (args_.residual != 0) sum += at<const float>(args_.residual)[place];
    at<float>(args_.y)[place] = sum;
  }

  const PackedLinearArgs& args_;
  WeightPlanes planes_;
  const int g_;
  const int t_;
  const int firstOutput_;
  int token_;
  int rows_[rowsOfLane];
  float sums_[tiles][4] = {};
};

template <WeightFormat format, int xPlanes>
KVFOLD_DEVICE void packedLinear(const PackedLinearArgs& args) {
  PackedLinear<format, xPlanes>(args).run();
}

template <WeightFormat format>
KVFOLD_DEVICE void unpack(const UnpackArgs& args) {
  WeightPlanes planes;
  for (int i = 0; i < mostPlanes; i++) planes.plane[i] = at<const unsigned char>(args.planes[i]);
  const int64_t count = args.outputs * args.inputs, first = static_cast<int64_t>(blockIdx.x) * 8192 + threadIdx.x;
  for (int64_t i = first; i < count && i < first + 8192; i += 256) {
    const float value = packedValue<format>(planes, i);
    if (args.outBf16 != 0) at<uint16_t>(args.outBf16)[i] = floatToBf16(value);
    if (args.outFloat != 0) at<float>(args.outFloat)[i] = value;
  }
}

}  // namespace kvfold
