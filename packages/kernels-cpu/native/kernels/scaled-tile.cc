#include "scaled-tile.h"

#include "simd-reduce.h"
#include "simd-tile.h"
#include "tile-codes.h"

namespace kvfold::KVFOLD_ISA {

#if defined(__AMX_BF16__)
namespace {

template <WeightFormat format>
void pack(const uint8_t* rows, int64_t rowBytes, int64_t count, int64_t depths, uint16_t* strip) {
  float* factors = reinterpret_cast<float*>(strip + depths * tileNumbers);
  for (int64_t k = 0; k < depths; k++, strip += tileNumbers, factors += tileFactors) {
    for (int64_t i = 0; i < tileSide; i++) {
      F codes[2] = {all(0), all(0)};
      float factor = 0, minimum = 0;
      if (i < count) {
        TileCodes<format>::codes(rows + i * rowBytes, k, codes);
        TileCodes<format>::factors(rows + i * rowBytes, k, factor, minimum);
      }
      _mm512_storeu_si512(strip + i * tileDepth, roundPair(codes[0], codes[1]));
      factors[i] = factor;
      factors[tileSide + i] = minimum;
    }
  }
}

void sumX(const float* rows, int64_t stride, int64_t count, int64_t depths, float* sums) {
  for (int64_t k = 0; k < depths; k++) {
    for (int64_t i = 0; i < tileSide; i++) {
      const float* at = rows + i * stride + k * tileDepth;
      sums[k * tileSide + i] = i < count ? sum(add(load(at), load(at + width))) : 0;
    }
  }
}

/** Sums of 16 outputs by 16 rows: of one depth, and of all so far. */
using Square = float[tileSide * tileSide];

/** Two strips of outputs by one or two of rows. */
using Squares = Square[2][2];

/** What one depth gave, and where it goes. */
template <bool minima, int strips>
struct Scaling {
  const Squares& made;
  const float* factors[2];
  F sums[strips];
  Squares& acc;

  /** Scales and adds one output of two times sixteen. */
  inline __attribute__((always_inline)) void add(int output) const {
    const int strip = output / tileSide, i = output % tileSide;
    const F factor = all(factors[strip][i]), minimum = minima ? all(factors[strip][tileSide + i]) : all(0);
    KVFOLD_UNROLL
    for (int s = 0; s < strips; s++) {
      float* at = acc[strip][s] + i * tileSide;
      F total = fma(load(made[strip][s] + i * tileSide), factor, load(at));
      if constexpr (minima) total = fma(sums[s], minimum, total);
      store(at, total);
    }
  }

  /** Part `part` of `parts` of all outputs. */
  template <int parts>
  inline __attribute__((always_inline)) void addPart(int part) const {
    constexpr int outputs = 2 * tileSide;
    KVFOLD_UNROLL
    for (int i = part * outputs / parts; i < (part + 1) * outputs / parts; i++) add(i);
  }
};

/**
 * Two strips of outputs by `strips` of rows. Tiles 0 to 3 hold the sums of a depth, 4 and 5 weights, 6 and 7 activations. While the
 * tiles work on a depth, a little after each of their products, what the depth before gave is scaled.
 */
template <bool minima, int strips>
void multiplyPair(const ScaledTileTask& task, const uint16_t* x, const float* xSums, Squares& acc) {
  alignas(64) Squares made[2];
  const int64_t depths = task.depths, xStrip = depths * task.xTerms * tileNumbers, strip = scaledStrip(depths);
  const auto scaling = [&](int64_t k) {
    const float* factors = reinterpret_cast<const float*>(task.weights + depths * tileNumbers) + k * tileFactors;
    Scaling<minima, strips> of = {made[k & 1], {factors, factors + strip / 2}, {}, acc};
    for (int s = 0; minima && s < strips; s++) of.sums[s] = load(xSums + (s * depths + k) * tileSide);
    return of;
  };
  constexpr int products = 2 * strips * tileTerms;
  for (int64_t k = 0; k < depths; k++) {
    const Scaling<minima, strips> before = scaling(k == 0 ? 0 : k - 1);
    int product = 0;
    const auto scaleSome = [&]() __attribute__((always_inline)) {
      if (k > 0) before.template addPart<products>(product);
      product++;
    };
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    const uint16_t* w = task.weights + k * tileNumbers;
    _tile_loadd(4, w, 64);
    _tile_loadd(5, w + strip, 64);
    KVFOLD_UNROLL
    for (int j = 0; j < tileTerms; j++) {
      const uint16_t* at = x + (k * task.xTerms + j) * tileNumbers;
      _tile_loadd(6, at, 64);
      _tile_dpbf16ps(0, 4, 6);
      scaleSome();
      _tile_dpbf16ps(1, 5, 6);
      scaleSome();
      if constexpr (strips > 1) {
        _tile_loadd(7, at + xStrip, 64);
        _tile_dpbf16ps(2, 4, 7);
        scaleSome();
        _tile_dpbf16ps(3, 5, 7);
        scaleSome();
      }
    }
    _tile_stored(0, made[k & 1][0][0], 64);
    _tile_stored(1, made[k & 1][1][0], 64);
    if constexpr (strips > 1) {
      _tile_stored(2, made[k & 1][0][1], 64);
      _tile_stored(3, made[k & 1][1][1], 64);
    }
  }
  scaling(depths - 1).template addPart<1>(0);
}

void multiply(const ScaledTileTask& task) {
  const TileConfig config;
  _tile_loadconfig(&config);
  const int64_t xStrip = task.depths * task.xTerms * tileNumbers;
  for (int64_t row = 0; row < task.rows; row += 2 * tileSide) {
    alignas(64) Squares acc = {};
    const bool two = task.rows - row > tileSide;
    const uint16_t* x = task.x + row / tileSide * xStrip;
    if (task.xSums == nullptr) (two ? multiplyPair<false, 2> : multiplyPair<false, 1>)(task, x, nullptr, acc);
    else (two ? multiplyPair<true, 2> : multiplyPair<true, 1>)(task, x, task.xSums + row * task.depths, acc);
    for (int part = 0; part < 4; part++) {
      const int64_t output = (part & 1) * tileSide, first = row + (part >> 1) * tileSide;
      storeTile(acc[part & 1][part >> 1], task.bias == nullptr ? nullptr : task.bias + output, task.y + first * task.yStride + output,
                task.yStride, task.outputs - output, task.rows - first);
    }
  }
  _tile_release();
}

}  // namespace

extern const ScaledTileKernels scaledTileKernels;
const ScaledTileKernels scaledTileKernels = {
    {nullptr, nullptr, nullptr, pack<WeightFormat::q8_0>, pack<WeightFormat::q4_0>, pack<WeightFormat::q4_1>,
     pack<WeightFormat::q5_0>, pack<WeightFormat::q5_1>, pack<WeightFormat::q4_k>, nullptr},
    sumX,
    multiply};

#else

extern const ScaledTileKernels scaledTileKernels;
const ScaledTileKernels scaledTileKernels = {};

#endif

}  // namespace kvfold::KVFOLD_ISA
