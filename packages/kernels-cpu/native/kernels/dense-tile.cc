#include "dense-tile.h"

#include "simd-tile.h"

namespace kvfold::KVFOLD_ISA {

#if defined(__AMX_BF16__)
namespace {

/** Magnitudes of floats as integers, which order them; infinities and NaN come last. */
KVFOLD_INLINE __m512i magnitude(F x) { return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff)); }

KVFOLD_INLINE __m512i larger(__m512i a, F low, F high) {
  return _mm512_max_epu32(a, _mm512_max_epu32(magnitude(low), magnitude(high)));
}

/** Sixteen lines of 32 bfloat16, or their transpose of pairs, to a tile. */
KVFOLD_INLINE void storeLines(__m512i* lines, bool transpose, uint16_t* tile) {
  if (transpose) transpose16(lines);
  KVFOLD_UNROLL
  for (int i = 0; i < 16; i++) _mm512_storeu_si512(tile + i * tileDepth, lines[i]);
}

/** Lines that are contiguous along the depth: a tile of the left side as they are. */
template <int terms>
__m512i packAlong(bool transpose, const float* from, int64_t lineStride, int64_t count, int64_t depth, uint16_t* tiles,
                  int64_t strip) {
  __m512i largest = _mm512_setzero_si512();
  for (int64_t first = 0; first < count; first += tileSide) {
    uint16_t* to = tiles + first / tileSide * strip;
    for (int64_t k = 0; k < depth; k += tileDepth, to += terms * tileNumbers) {
      __m512i parts[terms][16];
      for (int64_t i = 0; i < tileSide; i++) {
        __m512i own[terms] = {};
        if (first + i < count) {
          const float* at = from + (first + i) * lineStride + k;
          const F low = loadUpTo(at, depth - k), high = loadUpTo(at + width, depth - k - width);
          largest = larger(largest, low, high);
          split(low, high, terms, own);
        }
        for (int t = 0; t < terms; t++) parts[t][i] = own[t];
      }
      for (int t = 0; t < terms; t++) storeLines(parts[t], transpose, to + t * tileNumbers);
    }
  }
  return largest;
}

/** Depths that are contiguous along the lines: pairs of them make a tile of the right side as they are. */
template <int terms>
__m512i packAcross(bool transpose, const float* from, int64_t depthStride, int64_t count, int64_t depth, uint16_t* tiles,
                   int64_t strip) {
  alignas(64) static const uint16_t pairOrder[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                     8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i order = _mm512_load_si512(pairOrder);
  __m512i largest = _mm512_setzero_si512();
  for (int64_t k = 0; k < depth; k += tileDepth) {
    for (int64_t first = 0; first < count; first += tileSide) {
      uint16_t* to = tiles + first / tileSide * strip + k / tileDepth * terms * tileNumbers;
      __m512i parts[terms][16];
      for (int64_t i = 0; i < tileSide; i++) {
        const float* at = from + (k + 2 * i) * depthStride + first;
        const F low = loadUpTo(at, k + 2 * i < depth ? count - first : 0);
        const F high = loadUpTo(at + depthStride, k + 2 * i + 1 < depth ? count - first : 0);
        largest = larger(largest, low, high);
        __m512i own[terms];
        split(low, high, terms, own);
        for (int t = 0; t < terms; t++) parts[t][i] = _mm512_permutexvar_epi16(order, own[t]);
      }
      for (int t = 0; t < terms; t++) storeLines(parts[t], transpose, to + t * tileNumbers);
    }
  }
  return largest;
}

template <int terms>
bool packTerms(TileSide side, const float* from, int64_t lineStride, int64_t depthStride, int64_t count, int64_t depth,
               uint16_t* tiles, int64_t strip) {
  const bool right = side == TileSide::right;
  const __m512i largest = depthStride == 1 ? packAlong<terms>(right, from, lineStride, count, depth, tiles, strip)
                                           : packAcross<terms>(!right, from, depthStride, count, depth, tiles, strip);
  return _mm512_cmpge_epu32_mask(largest, _mm512_castps_si512(all(splitLimit))) == 0;
}

bool pack(TileSide side, const float* from, int64_t lineStride, int64_t depthStride, int64_t count, int64_t depth, int terms,
          uint16_t* tiles, int64_t strip) {
  if (terms == 1) return packTerms<1>(side, from, lineStride, depthStride, count, depth, tiles, strip);
  return packTerms<3>(side, from, lineStride, depthStride, count, depth, tiles, strip);
}

/** Two strips of the left side and two of the right side. */
struct Corner {
  const uint16_t* left;
  const uint16_t* right;
  /** Distances of the second strips. */
  int64_t leftStrip, rightStrip;
};

// Tiles 0 to 3 hold the sums of two strips of rows by two of columns, 4 and 5 the left side, 6 and 7 the right side.
KVFOLD_INLINE void loadLeft(const Corner& at, int64_t tile) {
  _tile_loadd(4, at.left + tile * tileNumbers, 64);
  _tile_loadd(5, at.left + at.leftStrip + tile * tileNumbers, 64);
}

KVFOLD_INLINE void loadRight(const Corner& at, int64_t tile) {
  _tile_loadd(6, at.right + tile * tileNumbers, 64);
  _tile_loadd(7, at.right + at.rightStrip + tile * tileNumbers, 64);
}

KVFOLD_INLINE void multiplyTiles() {
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

KVFOLD_INLINE void addProducts(int terms, const Corner& at, int64_t depths) {
  for (int64_t k = 0; k < depths * terms; k += terms) {
    if (terms == 3) {
      // small products first; each step changes one side
      loadLeft(at, k);
      loadRight(at, k + 2);
      multiplyTiles();
      loadRight(at, k + 1);
      multiplyTiles();
      loadLeft(at, k + 1);
      multiplyTiles();
      loadRight(at, k);
      multiplyTiles();
      loadLeft(at, k + 2);
      multiplyTiles();
      loadLeft(at, k);
      multiplyTiles();
    } else {
      loadLeft(at, k);
      loadRight(at, k);
      multiplyTiles();
    }
  }
}

void zeroSums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

void storeSums(float* c, int64_t stride) {
  const int64_t half = tileSide * stride;
  _tile_stored(0, c, stride * 4);
  _tile_stored(1, c + tileSide, stride * 4);
  _tile_stored(2, c + half, stride * 4);
  _tile_stored(3, c + half + tileSide, stride * 4);
}

void loadSums(const float* c, int64_t stride) {
  const int64_t half = tileSide * stride;
  _tile_loadd(0, c, stride * 4);
  _tile_loadd(1, c + tileSide, stride * 4);
  _tile_loadd(2, c + half, stride * 4);
  _tile_loadd(3, c + half + tileSide, stride * 4);
}

/** A block of at most two strips by two, to c or added to it. */
void addBlock(const float* sums, float* c, int64_t cStride, int64_t rows, int64_t columns, bool accumulate) {
  for (int64_t i = 0; i < rows && i < 2 * tileSide; i++) {
    for (int64_t j = 0; j < columns && j < 2 * tileSide; j += width) {
      float* at = c + i * cStride + j;
      const F sum = load(sums + i * 2 * tileSide + j);
      storeUpTo(at, accumulate ? add(loadUpTo(at, columns - j), sum) : sum, columns - j);
    }
  }
}

template <int terms>
void multiplyTerms(const uint16_t* left, int64_t leftStrip, const uint16_t* right, int64_t rightStrip, int64_t depths,
                   float* c, int64_t cStride, int64_t rows, int64_t columns, bool accumulate) {
  const TileConfig config;
  _tile_loadconfig(&config);
  alignas(64) float sums[4 * tileSide * tileSide];
  constexpr int64_t side = 2 * tileSide;
  for (int64_t j = 0; j < columns; j += side) {
    for (int64_t i = 0; i < rows; i += side) {
      // A second strip that is not there is the first one again, and its sums are not stored.
      const Corner at = {left + i / tileSide * leftStrip, right + j / tileSide * rightStrip,
                         rows - i > tileSide ? leftStrip : 0, columns - j > tileSide ? rightStrip : 0};
      // Sums that go on in the tiles from those before are longer chains: less exact than float32's with six products each.
      const bool goOn = accumulate && terms == 1;
      const bool direct = rows - i >= side && columns - j >= side && (goOn || !accumulate);
      float* to = c + i * cStride + j;
      if (direct && goOn) {
        loadSums(to, cStride);
      } else {
        zeroSums();
      }
      addProducts(terms, at, depths);
      storeSums(direct ? to : sums, direct ? cStride : side);
      if (!direct) addBlock(sums, to, cStride, rows - i, columns - j, accumulate);
    }
  }
  _tile_release();
}

void multiply(int terms, const uint16_t* left, int64_t leftStrip, const uint16_t* right, int64_t rightStrip, int64_t depths,
              float* c, int64_t cStride, int64_t rows, int64_t columns, bool accumulate) {
  if (terms == 1) return multiplyTerms<1>(left, leftStrip, right, rightStrip, depths, c, cStride, rows, columns, accumulate);
  multiplyTerms<3>(left, leftStrip, right, rightStrip, depths, c, cStride, rows, columns, accumulate);
}

}  // namespace

extern const DenseTileKernels denseTileKernels;
const DenseTileKernels denseTileKernels = {pack, multiply};

#else

extern const DenseTileKernels denseTileKernels;
const DenseTileKernels denseTileKernels = {nullptr, nullptr};

#endif

}  // namespace kvfold::KVFOLD_ISA
