// Decode attention over int8 entries in whole numbers, for AVX2: products of 16-bit words, sixteen at once, where floats take
// eight after a conversion each. Queries are rounded to 16 bits (an error of 1/256 of what the codes themselves have), and so
// are the weights of each chunk, relative to its largest.
#pragma once
#include "attention-sixteen.h"

#if defined(__AVX2__) && !defined(__AVX512F__)

namespace kvfold::KVFOLD_ISA {

/** Channels of a piece: the bytes of one vector, worked on as those of even and those of odd channels. */
constexpr int pieceDims = 32;

constexpr float largestWord = 32767.0f;

template <int part>
KVFOLD_INLINE I wordsOf(const uint8_t* bytes) {
  const I all = _mm256_loadu_si256(reinterpret_cast<const I*>(bytes));
  return part == 0 ? _mm256_maddubs_epi16(_mm256_set1_epi16(1), all) : _mm256_srai_epi16(all, 8);
}

KVFOLD_INLINE void holdInts(I& v) { __asm__("" : "+x"(v)); }

/**
 * Channels of a piece in the order that interleaving words gives them, and back: those of even ones, those of odd ones, and
 * in both blocks of four by turns.
 */
KVFOLD_INLINE void toPieces(const float* from, int64_t count, float* to) {
  for (int64_t at = 0; at < count; at += pieceDims) {
    KVFOLD_UNROLL
    for (int half = 0; half < 2; half++) {
      const float* own = from + at + half * width;
      const F low = _mm256_permute2f128_ps(load(own), load(own + 2 * width), 0x20);
      const F high = _mm256_permute2f128_ps(load(own), load(own + 2 * width), 0x31);
      store(to + at + half * width, _mm256_shuffle_ps(low, high, 0x88));
      store(to + at + (half + 2) * width, _mm256_shuffle_ps(low, high, 0xdd));
    }
  }
}
KVFOLD_INLINE void fromPieces(const float* from, int64_t count, float* to) {
  for (int64_t at = 0; at < count; at += pieceDims) {
    KVFOLD_UNROLL
    for (int half = 0; half < 2; half++) {
      const F even = load(from + at + half * width), odd = load(from + at + (half + 2) * width);
      const F low = _mm256_unpacklo_ps(even, odd), high = _mm256_unpackhi_ps(even, odd);
      store(to + at + half * width, _mm256_permute2f128_ps(low, high, 0x20));
      store(to + at + (half + 2) * width, _mm256_permute2f128_ps(low, high, 0x31));
    }
  }
}

/** A head's query as words, in the order of pieces; gives what one of them is worth. NaN and infinities make it NaN. */
KVFOLD_INLINE float queryWords(const float* q, int64_t dims, int16_t* words) {
  F most = all(0), poison = all(0);
  for (int64_t i = 0; i < dims; i += width) {
    most = max(most, abs(load(q + i)));
    poison = fma(load(q + i), all(0), poison);
  }
  const float unit = maxLane(most) / largestWord;
  const F scale = all(unit > 1e-30f ? 1 / unit : 0);
  alignas(32) float order[128];
  toPieces(q, dims, order);
  for (int64_t i = 0; i < dims; i += 2 * width) {
    const I low = _mm256_cvtps_epi32(mul(load(order + i), scale)), high = _mm256_cvtps_epi32(mul(load(order + i + width), scale));
    _mm256_store_si256(reinterpret_cast<I*>(words + i), _mm256_packs_epi32(low, high));
  }
  return unit + sum(poison);
}

/** sums += products of `key` with the words at `query`, neighbours added. */
KVFOLD_INLINE void addWordProducts(I& sums, I key, const int16_t* query) {
  sums = _mm256_add_epi32(sums, _mm256_madd_epi16(key, _mm256_load_si256(reinterpret_cast<const I*>(query))));
}

template <int heads, int dims, int part>
KVFOLD_INLINE void scoreWords(const int16_t* q, const uint8_t* const* slots, int64_t i, I (*sums)[together]) {
  const int16_t* query = q + i + part * pieceDims / 2;
  KVFOLD_UNROLL
  for (int e = 0; e < together; e++) {
    I key = wordsOf<part>(slots[e] + i);
    if (heads > 1) holdInts(key);
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) {
      addWordProducts(sums[h][e], key, query + h * dims);
      holdInts(sums[h][e]);
    }
  }
}

/** Adds up the products of four keys. A sum stays below 2^31 for heads of up to 512 channels. */
template <int heads, int dims, bool asks>
KVFOLD_INLINE void fourWordScores(const int16_t* q, const uint8_t* const* slots, int quad, NextLines& ahead, QuadSums* out) {
  if constexpr (heads == 3 && dims % 64 == 0) {
    I sums[heads];
    threeWordScores<dims>(q, slots, ahead.at, sums);
    ahead.skip(dims);
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) out[h].parts[quad] = toFloats(sums[h]);
    return;
  }
  I sums[heads][together];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int e = 0; e < together; e++) sums[h][e] = _mm256_setzero_si256();
  }
  for (int64_t i = 0; i < dims; i += pieceDims) {
    if (asks) ahead.ask<2>();
    scoreWords<heads, dims, 0>(q, slots, i, sums);
    scoreWords<heads, dims, 1>(q, slots, i, sums);
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) out[h].putInts(quad, sums[h][0], sums[h][1], sums[h][2], sums[h][3]);
}

/** The scales of eight keys (part 0) or values (part 1); those of entries that are not there are read too. */
KVFOLD_INLINE F scalesOf(const float* scales, int64_t first, int part) {
  const F low = load(scales + 2 * first), high = load(scales + 2 * first + width);
  const F own = part == 0 ? _mm256_shuffle_ps(low, high, 0x88) : _mm256_shuffle_ps(low, high, 0xdd);
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(own), 0xd8));
}

template <int heads, int dims, bool whole>
KVFOLD_INLINE void eightWordScores(const int16_t* q, const float* units, const PageSpan& page, const float* scales,
                                   int64_t first, NextLines& ahead, float* out, int64_t stride) {
  QuadSums sums[heads];
  KVFOLD_UNROLL
  for (int quad = 0; quad < 2; quad++) {
    const uint8_t* slots[together];
    KVFOLD_UNROLL
    for (int e = 0; e < together; e++) {
      const int64_t slot = first + quad * together + e;
      slots[e] = page.data + (whole || slot < page.count ? slot : page.count - 1) * 2 * dims;
    }
    if constexpr (heads > headsTogether) {
      fourWordScores<2, dims, true>(q, slots, quad, ahead, sums);
      fourWordScores<heads - 2, dims, false>(q + 2 * dims, slots, quad, ahead, sums + 2);
    } else {
      fourWordScores<heads, dims, true>(q, slots, quad, ahead, sums);
    }
  }
  const F scale = scalesOf(scales, first, 0);
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) store(out + h * stride + first, mul(sums[h].whole(), mul(scale, all(units[h]))));
}

/** `pageScores` in words. */
template <int heads, int dims>
KVFOLD_PART void pageWordScores(const int16_t* q, const float* units, const PageSpan& page, int64_t scalesOffset,
                                NextLines& next, float* out, int64_t stride) {
  NextLines ahead = next;
  const float* scales = reinterpret_cast<const float*>(page.data + scalesOffset);
  int64_t first = 0;
  for (; first + 8 <= page.count; first += 8) {
    eightWordScores<heads, dims, true>(q, units, page, scales, first, ahead, out, stride);
  }
  if (first < page.count) eightWordScores<heads, dims, false>(q, units, page, scales, first, ahead, out, stride);
  next = ahead;
}

/** The weights of a chunk, `[heads, stride]`, times the scales of its values, as words; what one of each head's is worth. */
template <int heads>
KVFOLD_PART void weightWords(const PageSpan* pages, int64_t pageCount, int64_t scalesOffset, float* weights, int64_t stride,
                             int16_t* words, float* units) {
  F most[heads], poison[heads];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) most[h] = poison[h] = all(0);
  float* row = weights;
  for (int64_t p = 0; p < pageCount; row += pages[p].count, p++) {
    const float* scales = reinterpret_cast<const float*>(pages[p].data + scalesOffset);
    for (int64_t e = 0; e < pages[p].count; e += width) {
      const int64_t left = pages[p].count - e;
      const F scale = scalesOf(scales, e, 1);
      KVFOLD_UNROLL
      for (int h = 0; h < heads; h++) {
        float* at = row + h * stride + e;
        const F weight = left >= width ? load(at) : loadFirst(at, left);
        const F scaled = left >= width ? mul(weight, scale) : _mm256_and_ps(mul(weight, scale), _mm256_castsi256_ps(firstLanes(left)));
        if (left >= width) store(at, scaled);
        else storeFirst(at, scaled, left);
        most[h] = max(most[h], scaled);
        poison[h] = fma(scaled, all(0), poison[h]);
      }
    }
  }
  const int64_t count = row - weights;
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    const float unit = maxLane(most[h]) / largestWord;
    units[h] = unit + sum(poison[h]);
    const F scale = all(unit > 1e-30f ? 1 / unit : 0);
    for (int64_t e = 0; e < count; e += width) {
      const I whole = _mm256_cvtps_epi32(mul(load(weights + h * stride + e), scale));
      const __m128i low = _mm256_castsi256_si128(whole), high = _mm256_extracti128_si256(whole, 1);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(words + h * stride + e), _mm_packs_epi32(low, high));
    }
  }
}

/** Adds the products of one part of two values to its sums. `second`: whether there are two. */
template <int heads, int part, bool second>
KVFOLD_INLINE void addPair(const uint8_t* value, int64_t slotBytes, const int16_t* words, int64_t stride, I (*sums)[4]) {
  const I a = wordsOf<part>(value), b = second ? wordsOf<part>(value + slotBytes) : _mm256_setzero_si256();
  I low = _mm256_unpacklo_epi16(a, b), high = _mm256_unpackhi_epi16(a, b);
  holdInts(low);
  holdInts(high);
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    int32_t pair;
    memcpy(&pair, words + h * stride, sizeof pair);
    const I weights = _mm256_set1_epi32(pair);
    sums[h][2 * part] = _mm256_add_epi32(sums[h][2 * part], _mm256_madd_epi16(low, weights));
    holdInts(sums[h][2 * part]);
    sums[h][2 * part + 1] = _mm256_add_epi32(sums[h][2 * part + 1], _mm256_madd_epi16(high, weights));
    holdInts(sums[h][2 * part + 1]);
  }
}

/**
 * `addValues` in words, for the piece of channels from `i` on: sums are in the order even channels, odd channels, each with
 * blocks of four changed as interleaving does. A whole-number sum stays below 2^31 for chunks of up to 512 entries.
 */
template <int heads, int dims>
KVFOLD_PART void addWords(const PageSpan* pages, int64_t count, NextLines& next, const int16_t* words,
                          int64_t stride, const float* units, const float* corrections, int64_t i, float* sums) {
  constexpr int64_t slotBytes = 2 * dims;
  I whole[heads][4];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int v = 0; v < 4; v++) whole[h][v] = _mm256_setzero_si256();
  }
  NextLines ahead = next;
  for (int64_t p = 0; p < count; p++) {
    const PageSpan page = pages[p];
    const uint8_t* value = page.data + dims + i;
    int64_t left = page.count;
    for (; left > 1; left -= 2, value += 2 * slotBytes, words += 2) {
      ahead.ask<1>();
      addPair<heads, 0, true>(value, slotBytes, words, stride, whole);
      addPair<heads, 1, true>(value, slotBytes, words, stride, whole);
    }
    if (left == 1) {
      addPair<heads, 0, false>(value, slotBytes, words, stride, whole);
      addPair<heads, 1, false>(value, slotBytes, words, stride, whole);
      words++;
    }
  }
  next = ahead;
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int v = 0; v < 4; v++) {
      float* at = sums + h * dims + i + v * width;
      store(at, fma(toFloats(whole[h][v]), all(units[h]), mul(load(at), all(corrections[h]))));
    }
  }
}

}  // namespace kvfold::KVFOLD_ISA

#endif
