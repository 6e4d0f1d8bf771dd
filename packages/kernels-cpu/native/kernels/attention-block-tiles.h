// Prefill attention with matrix tiles (AMX), for entries that bfloat16 holds, as those of a bfloat16 cache: scores of sixteen keys by
// sixteen queries, and sums of sixteen queries by sixteen channels. Queries and weights are cut into three bfloat16 terms whose
// products are exact, so that results are as near as with vectors. Entries in float32 would take twice the products, which is no
// faster than vectors.
#pragma once
#include "attention-parts.h"
#include "simd-tile.h"

namespace kvfold::KVFOLD_ISA {

#if defined(__AMX_BF16__)

/** A block's entries as tiles. Tiles 0 to 3 hold scores or sums, 4 entries, 5 to 7 the terms of queries or weights. */
class BlockTiles {
 public:
  explicit BlockTiles(const BlockTask& task) : task_(task), parts_(static_cast<int>(task.dims) / pairDims) {}

  /** Takes the block's keys and values; false: the tiles are not for such entries. */
  bool pack() {
    if (task_.dims != 32 && task_.dims != 64 && task_.dims != mostDims) return false;
    // one vector says it of most other entries
    if (task_.count == 0 || !areHalves(bits(load(task_.entries)))) return false;
    return areHalves(_mm512_or_si512(packKeys(), packValues()));
  }

  /** Scores of all keys for the queries `[begin, end)`, multiples of 16, to the task's weights. */
  void scores(int64_t begin, int64_t end) {
    const int64_t stride = task_.rowStride * 4;
    for (int64_t row = begin; row < end; row += side) {
      packQueries(row);
      finishStores();
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (int part = 0; part < parts_; part++) {
        loadTerms(queries_[part]);
        _tile_loadd(4, keys_[part][0], 64);
        _tile_dpbf16ps(0, 4, 7);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(0, 4, 5);
        _tile_loadd(4, keys_[part][1], 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(1, 4, 6);
        _tile_dpbf16ps(1, 4, 5);
        _tile_loadd(4, keys_[part][2], 64);
        _tile_dpbf16ps(2, 4, 7);
        _tile_dpbf16ps(2, 4, 6);
        _tile_dpbf16ps(2, 4, 5);
        _tile_loadd(4, keys_[part][3], 64);
        _tile_dpbf16ps(3, 4, 7);
        _tile_dpbf16ps(3, 4, 6);
        _tile_dpbf16ps(3, 4, 5);
      }
      float* to = task_.weights + row;
      _tile_stored(0, to, stride);
      _tile_stored(1, to + side * task_.rowStride, stride);
      _tile_stored(2, to + 2 * side * task_.rowStride, stride);
      _tile_stored(3, to + 3 * side * task_.rowStride, stride);
    }
  }

  /** Adds the weighted values to the sums of the queries `[begin, end)`, which are corrected first. */
  void values(int64_t begin, int64_t end) {
    const int64_t stride = task_.dims * 4;
    for (int64_t row = begin; row < end; row += side) {
      packWeights(row);
      correctSums(row);
      finishStores();
      for (int dim = 0; dim * side < task_.dims; dim += 2) {
        float* sums = task_.sums + row * task_.dims + dim * side;
        _tile_loadd(0, sums, stride);
        _tile_loadd(1, sums + side, stride);
        for (int block = 0; block * pairDims < task_.count; block++) {
          loadTerms(weights_[block]);
          _tile_loadd(4, values_[block][dim], 64);
          _tile_dpbf16ps(0, 7, 4);
          _tile_dpbf16ps(0, 6, 4);
          _tile_dpbf16ps(0, 5, 4);
          _tile_loadd(4, values_[block][dim + 1], 64);
          _tile_dpbf16ps(1, 7, 4);
          _tile_dpbf16ps(1, 6, 4);
          _tile_dpbf16ps(1, 5, 4);
        }
        _tile_stored(0, sums, stride);
        _tile_stored(1, sums + side, stride);
      }
    }
  }

 private:
  static constexpr int side = 16, pairDims = 32, terms = 3, mostDims = 128;
  static constexpr int keyTiles = mostBlockEntries / side, blocks = mostBlockEntries / pairDims;
  static_assert(keyTiles == 4, "as many as there are tiles for scores");
  using Tile = uint8_t[1024];

  /** What was stored so far lies in memory: compilers do not know that tiles are loaded from there. */
  static void finishStores() { __asm__ volatile("" ::: "memory"); }

  static void loadTerms(const Tile* tiles) {
    _tile_loadd(5, tiles[0], 64);
    _tile_loadd(6, tiles[1], 64);
    _tile_loadd(7, tiles[2], 64);
  }

  /** Whether bfloat16 holds the numbers that such bits, or several together, make. */
  static bool areHalves(__m512i numbers) { return _mm512_test_epi32_mask(numbers, _mm512_set1_epi32(0xffff)) == 0; }

  static __m512i bits(F x) { return _mm512_castps_si512(x); }
  /** The upper halves of two vectors' numbers, 32 in a row. */
  static __m512i line(__m512i low, __m512i high) {
    alignas(64) static const uint16_t upperHalves[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                                                         33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
    return _mm512_permutex2var_epi16(low, _mm512_load_si512(upperHalves), high);
  }
  /** The upper halves of two vectors' numbers, side by side. */
  static __m512i pairs(__m512i low, __m512i high) {
    return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(low, 16), high);
  }

  /** A number's upper half, that of what it leaves, and that of what is left then: together the number. */
  static void cut(F numbers, __m512i* out) {
    for (int t = 0; t < terms; t++) {
      out[t] = _mm512_and_si512(bits(numbers), _mm512_set1_epi32(-65536));
      numbers = sub(numbers, _mm512_castsi512_ps(out[t]));
    }
  }

  /** Gives all bits of the keys, as `packValues` of the values; missing entries are 0. */
  __m512i packKeys() {
    __m512i any = _mm512_setzero_si512();
    for (int64_t e = 0; e < mostBlockEntries; e++) {
      const float* key = task_.entries + e * 2 * task_.dims;
      for (int part = 0; part < parts_; part++, key += pairDims) {
        const bool has = e < task_.count;
        const __m512i low = has ? bits(load(key)) : _mm512_setzero_si512();
        const __m512i high = has ? bits(load(key + width)) : _mm512_setzero_si512();
        any = _mm512_or_si512(any, _mm512_or_si512(low, high));
        _mm512_store_si512(keys_[part][e / side] + e % side * 64, line(low, high));
      }
    }
    return any;
  }

  __m512i packValues() {
    __m512i any = _mm512_setzero_si512();
    for (int64_t e = 0; e < mostBlockEntries; e += 2) {
      const float* value = task_.entries + e * 2 * task_.dims + task_.dims;
      for (int64_t d = 0; d < task_.dims; d += side) {
        const __m512i low = e < task_.count ? bits(load(value + d)) : _mm512_setzero_si512();
        const __m512i high = e + 1 < task_.count ? bits(load(value + 2 * task_.dims + d)) : _mm512_setzero_si512();
        any = _mm512_or_si512(any, _mm512_or_si512(low, high));
        _mm512_store_si512(values_[e / pairDims][d / side] + e % pairDims / 2 * 64, pairs(low, high));
      }
    }
    return any;
  }

  void packQueries(int64_t row) {
    const float* q = task_.q + row;
    for (int64_t d = 0; d < task_.dims; d += 2, q += 2 * task_.rowStride) {
      __m512i low[terms], high[terms];
      cut(load(q), low);
      cut(load(q + task_.rowStride), high);
      for (int t = 0; t < terms; t++) {
        _mm512_store_si512(queries_[d / pairDims][t] + d % pairDims / 2 * 64, pairs(low[t], high[t]));
      }
    }
  }

  /** Weights of sixteen queries as rows; 0 behind the last entry. */
  void packWeights(int64_t row) {
    for (int64_t first = 0; first < task_.count; first += pairDims) {
      __m512i lines[2][16];
      for (int half = 0; half < 2; half++) {
        for (int i = 0; i < side; i++) {
          const int64_t e = first + half * side + i;
          lines[half][i] = e < task_.count ? bits(load(task_.weights + e * task_.rowStride + row)) : _mm512_setzero_si512();
        }
        transpose16(lines[half]);
      }
      for (int i = 0; i < side; i++) {
        __m512i low[terms], high[terms];
        cut(_mm512_castsi512_ps(lines[0][i]), low);
        cut(_mm512_castsi512_ps(lines[1][i]), high);
        for (int t = 0; t < terms; t++) _mm512_store_si512(weights_[first / pairDims][t] + i * 64, line(low[t], high[t]));
      }
    }
  }

  void correctSums(int64_t row) const {
    for (int64_t r = row; r < row + side; r++) {
      // most blocks have no larger score than those before
      if (task_.correction[r] == 1) continue;
      const F correction = all(task_.correction[r]);
      float* sums = task_.sums + r * task_.dims;
      for (int64_t d = 0; d < task_.dims; d += width) store(sums + d, mul(load(sums + d), correction));
    }
  }

  const BlockTask& task_;
  /** Groups of channels that a tile's row has. */
  const int parts_;
  alignas(64) Tile keys_[mostDims / pairDims][keyTiles];
  alignas(64) Tile values_[blocks][mostDims / side];
  alignas(64) Tile queries_[mostDims / pairDims][terms];
  alignas(64) Tile weights_[blocks][terms];
};

/** The tiles of this thread are set up as long as this lives. */
struct TilesInUse {
  TilesInUse() {
    static const TileConfig config;
    _tile_loadconfig(&config);
  }
  ~TilesInUse() { _tile_release(); }
  TilesInUse(const TilesInUse&) = delete;
  TilesInUse& operator=(const TilesInUse&) = delete;
};

#endif

}  // namespace kvfold::KVFOLD_ISA
