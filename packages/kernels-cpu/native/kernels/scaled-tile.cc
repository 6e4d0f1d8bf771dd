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

/** Pairs of strips of outputs. */
constexpr int mostPairs = mostScaledOutputs / (2 * tileSide);

/** What one depth gave for a pair of strips, and where it goes. */
template <bool minima, int strips>
struct Scaling {
  const Squares* made;
  const float* factors[2];
  F sums[strips];
  Squares* acc;

  /** Scales and adds one output of two times sixteen. */
  inline __attribute__((always_inline)) void add(int output) const {
    const int strip = output / tileSide, i = output % tileSide;
    const F factor = all(factors[strip][i]), minimum = minima ? all(factors[strip][tileSide + i]) : all(0);
    KVFOLD_UNROLL
    for (int s = 0; s < strips; s++) {
      float* at = (*acc)[strip][s] + i * tileSide;
      F total = fma(load((*made)[strip][s] + i * tileSide), factor, load(at));
      if constexpr (minima) total = fma(sums[s], minimum, total);
      store(at, total);
    }
  }

  /** Part `part` of `parts` of all outputs. */
  template <int parts>
  inline __attribute__((always_inline)) void addPart(int part) const {
    constexpr int outputs = 2 * tileSide;
    for (int i = part * outputs / parts; i < (part + 1) * outputs / parts; i++) add(i);
  }
};

/**
 * All outputs by one or two strips of rows. Depth by depth, so that the tiles of x, which are three times those of the weights, come
 * from the first-level cache for all outputs but the first. Tiles 0 to 3 hold the sums of a depth, 4 and 5 weights, 6 and 7
 * activations. While the tiles work on one pair of strips, a little after each of their products, what the pair before gave is scaled.
 */
template <bool minima, int strips>
void multiplyRows(const ScaledTileTask& task, int pairs, const uint16_t* x, const float* xSums, Squares* acc) {
  alignas(64) Squares made[2];
  const int64_t depths = task.depths, xStrip = depths * task.xTerms * tileNumbers, strip = scaledStrip(depths);
  constexpr int products = 2 * strips * tileTerms;
  Scaling<minima, strips> before;
  int step = 0;
  for (int64_t k = 0; k < depths; k++) {
    for (int pair = 0; pair < pairs; pair++, step++) {
      int product = 0;
      const auto scaleSome = [&]() __attribute__((always_inline)) {
        if (step > 0) before.template addPart<products>(product);
        product++;
      };
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      const uint16_t* own = task.weights + 2 * pair * strip;
      _tile_loadd(4, own + k * tileNumbers, 64);
      _tile_loadd(5, own + strip + k * tileNumbers, 64);
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
      Squares& now = made[step & 1];
      _tile_stored(0, now[0][0], 64);
      _tile_stored(1, now[1][0], 64);
      if constexpr (strips > 1) {
        _tile_stored(2, now[0][1], 64);
        _tile_stored(3, now[1][1], 64);
      }
      before.made = &now;
      before.acc = acc + pair;
      const float* factors = reinterpret_cast<const float*>(own + depths * tileNumbers) + k * tileFactors;
      before.factors[0] = factors;
      before.factors[1] = factors + strip / 2;
      if constexpr (minima) {
        for (int s = 0; s < strips; s++) before.sums[s] = load(xSums + (s * depths + k) * tileSide);
      }
    }
  }
  if (step > 0) before.template addPart<1>(0);
}

void multiply(const ScaledTileTask& task) {
  const TileConfig config;
  _tile_loadconfig(&config);
  const int64_t xStrip = task.depths * task.xTerms * tileNumbers;
  const int pairs = static_cast<int>((task.outputs + 2 * tileSide - 1) / (2 * tileSide));
  for (int64_t row = 0; row < task.rows; row += 2 * tileSide) {
    alignas(64) Squares acc[mostPairs] = {};
    const bool two = task.rows - row > tileSide;
    const uint16_t* x = task.x + row / tileSide * xStrip;
    if (task.xSums == nullptr) (two ? multiplyRows<false, 2> : multiplyRows<false, 1>)(task, pairs, x, nullptr, acc);
    else (two ? multiplyRows<true, 2> : multiplyRows<true, 1>)(task, pairs, x, task.xSums + row * task.depths, acc);
    for (int pair = 0; pair < pairs; pair++) {
      for (int part = 0; part < 4; part++) {
        const int64_t output = (2 * pair + (part & 1)) * tileSide, first = row + (part >> 1) * tileSide;
        storeTile(acc[pair][part & 1][part >> 1], task.bias == nullptr ? nullptr : task.bias + output,
                  task.y + first * task.yStride + output, task.yStride, task.outputs - output, task.rows - first);
      }
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
