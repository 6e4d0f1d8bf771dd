// Packed weights times many rows of activations on matrix tiles (AMX), in bfloat16 with the rounding errors carried along.
//
// A number is split into terms, each the bfloat16 nearest to what the terms before it leave: two hold 17 bits, three 24.
// Products of terms are exact in the tiles and summed in float32. Weights are tiles of 16 outputs by 32 inputs,
// activations of 32 inputs by 16 rows (as pairs of inputs); the tiles of one depth follow one another, term by term.
#pragma once
#include <cstdint>

namespace kvfold {

/** bfloat16 numbers of a tile. */
constexpr int64_t tileNumbers = 512;
constexpr int64_t tileSide = 16;
constexpr int64_t tileDepth = 32;

/** Which products of terms are summed: weight term i with the first `xTerms[i]` terms of the activations. */
struct TilePlan {
  int weightTerms;
  int xTerms[3];
};

struct TileGemmKernels {
  /** Splits `count <= 16` rows of `depth` floats, `stride` apart, into tiles; rows and inputs beyond them are 0. */
  void (*packWeights)(const float* rows, int64_t stride, int64_t count, int64_t depth, int terms, uint16_t* tiles);
  void (*packX)(const float* rows, int64_t stride, int64_t count, int64_t depth, int terms, uint16_t* tiles);

  /**
   * Two strips of 16 outputs times `xStrips` strips of 16 rows, by pairs, for `depths` tiles each; adds the bias and
   * stores to `y`, rows `yStride` apart, `outputs <= 32` and `rows` of them. Strips are `strip` numbers apart; `xTerms` are
   * packed of x, of which the plan takes the first ones.
   */
  void (*multiply)(const TilePlan& plan, int xTerms, const uint16_t* weights, int64_t weightStrip, const uint16_t* x, int64_t xStrip,
                   int64_t depths, const float* bias, float* y, int64_t yStride, int64_t outputs, int64_t rows);
};

}  // namespace kvfold
