#include "tile-gemm.h"

#include "simd-tile.h"

namespace kvfold::KVFOLD_ISA {

#if defined(__AMX_BF16__)
namespace {

void packWeights(const float* rows, int64_t stride, int64_t count, int64_t depth, int terms, uint16_t* tiles) {
  for (int64_t k = 0; k < depth; k += tileDepth, tiles += terms * tileNumbers) {
    for (int64_t i = 0; i < tileSide; i++) {
      __m512i parts[3] = {};
      if (i < count) {
        const float* at = rows + i * stride + k;
        split(loadUpTo(at, depth - k), loadUpTo(at + width, depth - k - width), terms, parts);
      }
      for (int t = 0; t < terms; t++) _mm512_storeu_si512(tiles + t * tileNumbers + i * tileDepth, parts[t]);
    }
  }
}

void packX(const float* rows, int64_t stride, int64_t count, int64_t depth, int terms, uint16_t* tiles) {
  for (int64_t k = 0; k < depth; k += tileDepth, tiles += terms * tileNumbers) {
    __m512i parts[3][16] = {};
    for (int64_t i = 0; i < count; i++) {
      const float* at = rows + i * stride + k;
      __m512i own[3] = {};
      split(loadUpTo(at, depth - k), loadUpTo(at + width, depth - k - width), terms, own);
      for (int t = 0; t < terms; t++) parts[t][i] = own[t];
    }
    for (int t = 0; t < terms; t++) {
      transpose16(parts[t]);
      for (int i = 0; i < 16; i++) _mm512_storeu_si512(tiles + t * tileNumbers + i * tileDepth, parts[t][i]);
    }
  }
}

// Tiles 0 to 3 hold the sums of two strips of outputs by two of rows, 4 and 5 weights, 6 and 7 activations.
void multiplyPair(const TilePlan& plan, int xTerms, const uint16_t* weights, int64_t weightStrip, const uint16_t* x, int64_t xStrip,
                  int64_t depths, bool two, float (*sums)[256]) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  const int64_t second = two ? xStrip : 0;
  for (int64_t k = 0; k < depths; k++) {
    for (int i = 0; i < plan.weightTerms; i++) {
      const uint16_t* w = weights + (k * plan.weightTerms + i) * tileNumbers;
      _tile_loadd(4, w, 64);
      _tile_loadd(5, w + weightStrip, 64);
      for (int j = 0; j < plan.xTerms[i]; j++) {
        const uint16_t* at = x + (k * xTerms + j) * tileNumbers;
        _tile_loadd(6, at, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 5, 6);
        _tile_loadd(7, at + second, 64);
        _tile_dpbf16ps(2, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
      }
    }
  }
  _tile_stored(0, sums[0], 64);
  _tile_stored(1, sums[1], 64);
  _tile_stored(2, sums[2], 64);
  _tile_stored(3, sums[3], 64);
}

void multiply(const TilePlan& plan, int xTerms, const uint16_t* weights, int64_t weightStrip, const uint16_t* x, int64_t xStrip,
              int64_t depths, const float* bias, float* y, int64_t yStride, int64_t outputs, int64_t rows) {
  const TileConfig config;
  _tile_loadconfig(&config);
  alignas(64) float sums[4][256];
  for (int64_t row = 0; row < rows; row += 2 * tileSide) {
    multiplyPair(plan, xTerms, weights, weightStrip, x + row / tileSide * xStrip, xStrip, depths, rows - row > tileSide, sums);
    for (int part = 0; part < 4; part++) {
      const int64_t output = (part & 1) * tileSide, first = row + (part >> 1) * tileSide;
      storeTile(sums[part], bias == nullptr ? nullptr : bias + output, y + first * yStride + output, yStride,
                outputs - output, rows - first);
    }
  }
  _tile_release();
}

}  // namespace

extern const TileGemmKernels tileGemmKernels;
const TileGemmKernels tileGemmKernels = {packWeights, packX, multiply};

#else

extern const TileGemmKernels tileGemmKernels;
const TileGemmKernels tileGemmKernels = {nullptr, nullptr, nullptr};

#endif

}  // namespace kvfold::KVFOLD_ISA
