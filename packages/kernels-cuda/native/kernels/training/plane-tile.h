// Tiles of bf16 vectors in shared memory and their fragments.
#pragma once
#include "../args/column-attention.h"
#include "../device/tensor-core.h"

namespace kvfold {

/** `rows` vectors of `dims`; chunks of 16 bytes change places by the row. */
template <int rows, int dims>
struct PlaneTile {
  static constexpr int bytes = rows * dims * 2;
  static constexpr int chunks = dims / 8;
  static constexpr int swizzle = chunks % 8 == 0 ? 7 : 3;

  /** A row of 64 bytes is half of what the banks hold, so rows go in twos. */
  static KVFOLD_DEVICE int offsetOf(int row, int chunk) {
    return (row * chunks + (chunk ^ ((chunks % 8 == 0 ? row : row >> 1) & swizzle))) * 16;
  }

  /** Starts the copies of the vectors from `first` on; zeros from `limit` on. */
  static KVFOLD_DEVICE void copy(unsigned char* to, uint64_t from, int64_t base, int first, int limit) {
    for (int i = threadIdx.x; i < rows * chunks; i += static_cast<int>(columnThreads)) {
      const int row = i / chunks, chunk = i % chunks;
      const bool inside = first + row < limit;
      const int64_t place = (base + (inside ? first + row : 0)) * (dims * 2) + chunk * 16;
      copyAsync16(to + offsetOf(row, chunk), at<const unsigned char>(from) + place, inside);
    }
  }

  /** Rows row..row + 15 and dims 16 step..: the left factor. */
  static KVFOLD_DEVICE void left(const unsigned char* tile, int row, int step, uint32_t (&a)[4]) {
    const int lane = threadIdx.x & 31;
    loadMatrices(a, tile + offsetOf(row + (lane >> 3 & 1) * 8 + (lane & 7), 2 * step + (lane >> 4)));
  }
  /** Rows row..row + 15 as 16 columns, dims 16 step.. as rows: two right factors. */
  static KVFOLD_DEVICE void right(const unsigned char* tile, int row, int step, uint32_t (&b)[4]) {
    const int lane = threadIdx.x & 31;
    loadMatrices(b, tile + offsetOf(row + (lane >> 4) * 8 + (lane & 7), 2 * step + (lane >> 3 & 1)));
  }
  /** Rows row..row + 15 as rows, dims 16 step.. as columns: two right factors. */
  static KVFOLD_DEVICE void rightTurned(const unsigned char* tile, int row, int step, uint32_t (&b)[4]) {
    const int lane = threadIdx.x & 31;
    loadMatricesTurned(b, tile + offsetOf(row + (lane >> 3 & 1) * 8 + (lane & 7), 2 * step + (lane >> 4)));
  }
};

/** sums[2j], sums[2j + 1] += a b for two right factors. */
KVFOLD_DEVICE void multiplyTwo(float (&low)[4], float (&high)[4], const uint32_t (&a)[4], const uint32_t (&b)[4]) {
  multiplyBf16(low, a, b[0], b[1]);
  multiplyBf16(high, a, b[2], b[3]);
}

/** 16 owned vectors (from `row`) times all vectors of a stage: sums [columnStage / 8] tiles of 16 x 8. */
template <int dims>
KVFOLD_DEVICE void productOfVectors(const unsigned char* owned, int row, const unsigned char* stage, float (&sums)[columnStage / 8][4]) {
  // by twos: the sums of the caller fill the registers, and factors that are loaded early would push them out
  KVFOLD_UNROLL_BY(2)
  for (int step = 0; step < dims / 16; step++) {
    uint32_t a[4];
    PlaneTile<columnTile, dims>::left(owned, row, step, a);
    KVFOLD_UNROLL
    for (int j = 0; j < columnStage / 16; j++) {
      uint32_t b[4];
      PlaneTile<columnStage, dims>::right(stage, 16 * j, step, b);
      multiplyTwo(sums[2 * j], sums[2 * j + 1], a, b);
    }
  }
}

/** Weights [16, columnStage], as a product left them, times the vectors of a stage: sums [dims / 8] tiles of 16 x 8. */
template <int dims>
KVFOLD_DEVICE void weightedVectors(const float (&weights)[columnStage / 8][4], const unsigned char* stage, float (&sums)[dims / 8][4]) {
  KVFOLD_UNROLL
  for (int j = 0; j < columnStage / 16; j++) {
    uint32_t a[4];
    KVFOLD_UNROLL
    for (int i = 0; i < 4; i++) a[i] = packBf16(weights[2 * j + (i >> 1)][2 * (i & 1)], weights[2 * j + (i >> 1)][2 * (i & 1) + 1]);
    KVFOLD_UNROLL
    for (int step = 0; step < dims / 16; step++) {
      uint32_t b[4];
      PlaneTile<columnStage, dims>::rightTurned(stage, 16 * j, step, b);
      multiplyTwo(sums[2 * step], sums[2 * step + 1], a, b);
    }
  }
}

/** Writes 16 owned vectors, times a factor for the rows g and g + 8. */
template <int dims>
KVFOLD_DEVICE void writeVectors(uint64_t to, int64_t base, int first, int limit, int headDim, const float (&sums)[dims / 8][4],
                                float upper, float lower) {
  const int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3;
  KVFOLD_UNROLL
  for (int half = 0; half < 2; half++) {
    const int row = first + g + 8 * half;
    if (row >= limit) continue;
    float* out = at<float>(to) + (base + row) * headDim;
    KVFOLD_UNROLL
    for (int tile = 0; tile < dims / 8; tile++) {
      KVFOLD_UNROLL
      for (int i = 0; i < 2; i++) {
        const int dim = 8 * tile + 2 * t + i;
        if (dim < headDim) out[dim] = sums[tile][2 * half + i] * (half == 0 ? upper : lower);
      }
    }
  }
}

}  // namespace kvfold
