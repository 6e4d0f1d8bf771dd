// A tile of a product: stages of both factors come through shared memory by asynchronous copies while tensor cores work.
#pragma once
#include "../args/gemm.h"
#include "../device/tensor-core.h"

namespace kvfold {

/**
 * One factor's part of a stage. `extent` rows (of A) or columns (of B) by `gemmDepth` of k; where k is contiguous it lies as
 * rows of 64 bytes, else as `gemmDepth` rows of the extent. Chunks of 16 bytes change places so that loads of 8 rows meet no
 * bank twice.
 */
template <int extent, bool kContiguous>
struct FactorStage {
  static constexpr int bytes = extent * gemmDepth * 2;

  static KVFOLD_DEVICE int offsetOf(int outer, int chunk) {
    return kContiguous ? outer * 64 + (chunk ^ (outer >> 1 & 3)) * 16 : outer * extent * 2 + (chunk ^ (outer & 7)) * 16;
  }

  /** Starts the copies of a stage; what lies outside of the matrix becomes zeros. */
  template <int threads>
  static KVFOLD_DEVICE void copy(unsigned char* to, const uint16_t* from, int ld, int first, int limit, int k, int kLimit) {
    constexpr int perRow = kContiguous ? gemmDepth / 8 : extent / 8, chunks = bytes / 16;
    KVFOLD_UNROLL
    for (int i = 0; i < chunks / threads; i++) {
      const int index = i * threads + static_cast<int>(threadIdx.x), outer = index / perRow, chunk = index % perRow;
      const int along = kContiguous ? first + outer : first + chunk * 8, depth = kContiguous ? k + chunk * 8 : k + outer;
      const bool inside = along < limit && depth < kLimit;
      const int64_t place = kContiguous ? static_cast<int64_t>(along) * ld + depth : static_cast<int64_t>(depth) * ld + along;
      copyAsync16(to + offsetOf(outer, chunk), from + (inside ? place : 0), inside);
    }
  }

  /** The 16 x 16 part at (outer, 16 step) as the left factor of a product. */
  static KVFOLD_DEVICE void left(const unsigned char* stage, int outer, int step, uint32_t (&a)[4]) {
    const int lane = threadIdx.x & 31, low = lane & 7, second = lane >> 3 & 1, third = lane >> 4;
    if (kContiguous) {
      loadMatrices(a, stage + offsetOf(outer + second * 8 + low, 2 * step + third));
    } else {
      loadMatricesTurned(a, stage + offsetOf(16 * step + third * 8 + low, outer / 8 + second));
    }
  }

  /** The part at (16 step, outer) as two right factors of 8 columns: b[0], b[1] and b[2], b[3]. */
  static KVFOLD_DEVICE void right(const unsigned char* stage, int outer, int step, uint32_t (&b)[4]) {
    const int lane = threadIdx.x & 31, low = lane & 7, second = lane >> 3 & 1, third = lane >> 4;
    if (kContiguous) {
      loadMatrices(b, stage + offsetOf(outer + third * 8 + low, 2 * step + second));
    } else {
      loadMatricesTurned(b, stage + offsetOf(16 * step + second * 8 + low, outer / 8 + third));
    }
  }
};

/** Tile `rows` x `columns` by warps of `warpRows` x `warpColumns`. */
template <int rows, int columns, int warpRows, int warpColumns, bool aTurned, bool bTurned>
class GemmBlock {
 public:
  static constexpr int threads = rows / warpRows * (columns / warpColumns) * 32;

  KVFOLD_DEVICE explicit GemmBlock(const GemmArgs& args) : args_(args) {
    const int across = (args.n + columns - 1) / columns, warp = static_cast<int>(threadIdx.x) / 32;
    // blocks that run at once are 8 tiles high, so that both factors are read from the second cache more often than from memory
    constexpr int most = 8;
    const int down = (args.m + rows - 1) / rows, index = static_cast<int>(blockIdx.x);
    const int firstRow = index / (most * across) * most, high = down - firstRow < most ? down - firstRow : most;
    row_ = (firstRow + index % (most * across) % high) * rows;
    column_ = index % (most * across) / high * columns;
    warpRow_ = warp / (columns / warpColumns) * warpRows;
    warpColumn_ = warp % (columns / warpColumns) * warpColumns;
  }

  KVFOLD_DEVICE void run(unsigned char* shared) {
    const int stages = (args_.k + gemmDepth - 1) / gemmDepth, each = (stages + args_.splits - 1) / args_.splits;
    const int first = static_cast<int>(blockIdx.y) * each, end = first + each < stages ? first + each : stages;
    KVFOLD_UNROLL
    for (int ahead = 0; ahead < gemmStages - 1; ahead++) copy(shared, first + ahead, end, ahead);
    for (int stage = first; stage < end; stage++) {
      waitForCopies<gemmStages - 2>();
      __syncthreads();
      const int place = (stage - first) % gemmStages;
      copy(shared, stage + gemmStages - 1, end, (place + gemmStages - 1) % gemmStages);
      multiply(shared + place * stageBytes);
    }
    waitForCopies<0>();
    if (args_.splits == 1) {
      eachPair([&](int, int row, int column, float low, float high) { put(row, column, low, high); });
    } else {
      joinSplits();
    }
  }

 private:
  using Left = FactorStage<rows, !aTurned>;
  using Right = FactorStage<columns, bTurned>;
  static constexpr int stageBytes = Left::bytes + Right::bytes;

  KVFOLD_DEVICE void copy(unsigned char* shared, int stage, int end, int place) {
    if (stage < end) {
      const uint16_t* a = at<const uint16_t>(args_.a) + static_cast<int64_t>(blockIdx.z) * args_.batchA;
      const uint16_t* b = at<const uint16_t>(args_.b) + static_cast<int64_t>(blockIdx.z) * args_.batchB;
      unsigned char* to = shared + place * stageBytes;
      Left::template copy<threads>(to, a, args_.lda, row_, args_.m, stage * gemmDepth, args_.k);
      Right::template copy<threads>(to + Left::bytes, b, args_.ldb, column_, args_.n, stage * gemmDepth, args_.k);
    }
    commitCopies();
  }

  KVFOLD_DEVICE void multiply(const unsigned char* stage) {
    KVFOLD_UNROLL
    for (int step = 0; step < gemmDepth / 16; step++) {
      uint32_t a[warpRows / 16][4], b[warpColumns / 16][4];
      KVFOLD_UNROLL
      for (int i = 0; i < warpRows / 16; i++) Left::left(stage, warpRow_ + 16 * i, step, a[i]);
      KVFOLD_UNROLL
      for (int j = 0; j < warpColumns / 16; j++) Right::right(stage + Left::bytes, warpColumn_ + 16 * j, step, b[j]);
      KVFOLD_UNROLL
      for (int i = 0; i < warpRows / 16; i++) {
        KVFOLD_UNROLL
        for (int j = 0; j < warpColumns / 8; j++) multiplyBf16(sums_[i][j], a[i], b[j / 2][2 * (j & 1)], b[j / 2][2 * (j & 1) + 1]);
      }
    }
  }

  /** Calls `take(place in the tile, row, column, sum, sum of the next column)` for every pair of this thread. */
  template <class Take>
  KVFOLD_DEVICE void eachPair(Take&& take) const {
    const int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3;
    KVFOLD_UNROLL
    for (int i = 0; i < warpRows / 16; i++) {
      KVFOLD_UNROLL
      for (int j = 0; j < warpColumns / 8; j++) {
        KVFOLD_UNROLL
        for (int half = 0; half < 2; half++) {
          const int row = warpRow_ + 16 * i + 8 * half + g, column = warpColumn_ + 8 * j + 2 * t;
          take(row * columns + column, row_ + row, column_ + column, sums_[i][j][2 * half], sums_[i][j][2 * half + 1]);
        }
      }
    }
  }

  KVFOLD_DEVICE void put(int row, int column, float low, float high) const {
    if (row >= args_.m) return;
    const int64_t place = static_cast<int64_t>(blockIdx.z) * args_.batchC + static_cast<int64_t>(row) * args_.ldc + column;
    KVFOLD_UNROLL
    for (int i = 0; i < 2; i++) {
      if (column + i >= args_.n) return;
      float value = args_.alpha * (i == 0 ? low : high);
      if (args_.bias != 0) value += at<const float>(args_.bias)[column + i];
      if (args_.residual != 0) value += at<const float>(args_.residual)[place + i];
      if (args_.c != 0) at<float>(args_.c)[place + i] = value;
      if (args_.cBf16 != 0) at<uint16_t>(args_.cBf16)[place + i] = floatToBf16(value);
    }
  }

  /** Splits write their sums down; the last of a tile adds them up in order. */
  KVFOLD_DEVICE void joinSplits() const {
    __shared__ int isLast;
    const int64_t tile = static_cast<int64_t>(blockIdx.z) * gridDim.x + blockIdx.x;
    float* partials = at<float>(args_.partials) + tile * args_.splits * (rows * columns);
    float* own = partials + static_cast<int64_t>(blockIdx.y) * (rows * columns);
    eachPair([&](int place, int, int, float low, float high) { *reinterpret_cast<float2*>(own + place) = make_float2(low, high); });
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
      int* arrivals = at<int>(args_.arrivals) + tile;
      isLast = atomicAdd(arrivals, 1) == args_.splits - 1;
      if (isLast != 0) *arrivals = 0;
    }
    __syncthreads();
    if (isLast == 0) return;
    __threadfence();
    eachPair([&](int place, int row, int column, float, float) {
      float low = 0, high = 0;
      for (int split = 0; split < args_.splits; split++) {
        const float2 pair = __ldcg(reinterpret_cast<const float2*>(partials + static_cast<int64_t>(split) * (rows * columns) + place));
        low += pair.x;
        high += pair.y;
      }
      put(row, column, low, high);
    });
  }

  const GemmArgs& args_;
  int row_;
  int column_;
  int warpRow_;
  int warpColumn_;
  float sums_[warpRows / 16][warpColumns / 8][4] = {};
};

template <bool aTurned, bool bTurned>
KVFOLD_DEVICE void gemmLarge(const GemmArgs& args) {
  KVFOLD_DYNAMIC_SHARED(shared);
  GemmBlock<largeGemmTile.rows, largeGemmTile.columns, 64, 32, aTurned, bTurned>(args).run(shared);
}

template <bool aTurned, bool bTurned>
KVFOLD_DEVICE void gemmSmall(const GemmArgs& args) {
  KVFOLD_DYNAMIC_SHARED(shared);
  GemmBlock<smallGemmTile.rows, smallGemmTile.columns, 32, 32, aTurned, bTurned>(args).run(shared);
}

}  // namespace kvfold
