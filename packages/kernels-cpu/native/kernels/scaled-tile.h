// Packed weights of which 32 share a factor, times many rows of activations on matrix tiles (AMX).
//
// The tiles multiply the codes, which one bfloat16 holds exactly, and the sum of 32 products is multiplied by the factor: float32's
// precision takes three products so (one for each term of the activations), where terms of the weights themselves take five or six.
// A strip of 16 outputs is its tiles, as in tile-gemm.h, then for each depth the factors and the minima of its outputs.
#pragma once
#include "tile-gemm.h"
#include "weight-format.h"

namespace kvfold {

/** Floats of one depth behind the tiles of a strip. */
constexpr int64_t tileFactors = 2 * tileSide;

/** 16-bit numbers of a strip. */
constexpr int64_t scaledStrip(int64_t depths) { return depths * (tileNumbers + 2 * tileFactors); }

/** Terms of the activations: all the bits of a float. */
constexpr int tileTerms = 3;

/** Most outputs of a task: what is summed for them stays in the first-level cache. */
constexpr int64_t mostScaledOutputs = 8 * tileSide;

struct ScaledTileTask {
  /** Strips of weights, one after the other and an even number of them. */
  const uint16_t* weights;
  /** Strips of activations, of `xTerms` terms each, of which the first `tileTerms` are taken. */
  const uint16_t* x;
  int xTerms;
  /** The sums of the activations of each depth, `[strips, depths, 16]`: what minima are multiplied by; null: there are no minima. */
  const float* xSums;
  int64_t depths;
  const float* bias;
  /** Rows `yStride` apart. */
  float* y;
  int64_t yStride;
  int64_t outputs;
  int64_t rows;
};

struct ScaledTileKernels {
  /** By format: `count <= 16` rows into a strip, the other outputs of which are 0; null where tiles have several factors or none. */
  void (*pack[weightFormatCount])(const uint8_t* rows, int64_t rowBytes, int64_t count, int64_t depths, uint16_t* strip);
  /** The sums of each depth of `count <= 16` rows of x, `stride` apart, into `[depths, 16]`. */
  void (*sumX)(const float* rows, int64_t stride, int64_t count, int64_t depths, float* sums);
  void (*multiply)(const ScaledTileTask& task);
};

/** Whether the blocks of a format have a minimum beside the factor. */
constexpr bool hasMinima(WeightFormat format) {
  return format == WeightFormat::q4_1 || format == WeightFormat::q5_1 || format == WeightFormat::q4_k;
}

}  // namespace kvfold
