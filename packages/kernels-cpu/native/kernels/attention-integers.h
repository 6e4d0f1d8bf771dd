// Decode attention over int8 entries in integers, for sets with VNNI: turning every code into a float costs more than the
// products. Queries are rounded to 16 bits (an error of 1/256 of what the codes themselves have), weights to 24.
#pragma once
#include "attention-ahead.h"
#include "attention.h"
#include "simd-int.h"
#include "simd-reduce.h"

namespace kvfold::KVFOLD_ISA {

/** Pages that part-empty ones may be in a chunk. */
constexpr int64_t mostPagesOfChunk = 128;

#if defined(__AVX512VNNI__)

/** Channels of a piece: the bytes of one vector. */
constexpr int pieceDims = 64;

/** Digits of a weight: bytes, the lowest first. */
constexpr int weightDigits = 3;
/** A weight of 1 as a whole number: below 2^24 whatever rounding does. */
constexpr float weightUnit = 16777200.0f;

/** Adds products of unsigned with signed bytes. GCC copies the sums around when it has the intrinsic. */
KVFOLD_INLINE void addProducts(I& sums, I bytes, I codes) { __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(bytes), "v"(codes)); }
/** Adds products of 16-bit numbers. */
KVFOLD_INLINE void addWordProducts(I& sums, I a, I b) { __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b)); }

/** A head's query as 16-bit numbers; gives what one of them is worth. NaN and infinities stay NaN. */
KVFOLD_INLINE float queryWords(const float* q, int64_t dims, int16_t* words) {
  F most = all(0), poison = all(0);
  for (int64_t i = 0; i < dims; i += width) {
    most = max(most, abs(load(q + i)));
    poison = fma(load(q + i), all(0), poison);
  }
  const float unit = maxLane(most) / 32767.0f;
  const F scale = all(unit > 0 ? 1 / unit : 0);
  for (int64_t i = 0; i < dims; i += width) {
    const __m256i sixteen = _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(mul(load(q + i), scale)));
    _mm256_store_si256(reinterpret_cast<__m256i*>(words + i), sixteen);
  }
  return unit + sum(poison);
}

/** Adds the products of `heads` queries with four keys. A sum stays below 2^31 for heads of up to 512 channels. */
template <int heads, int dims>
KVFOLD_INLINE void fourWordScores(const int16_t* words, const uint8_t* const* slots, int quad, NextLines& ahead, QuadSums* out) {
  I sums[heads][4];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int e = 0; e < 4; e++) sums[h][e] = _mm512_setzero_si512();
  }
#pragma GCC unroll 4
  for (int i = 0; i < dims; i += 32) {
    ahead.ask<2>();
    I keys[4];
    KVFOLD_UNROLL
    for (int e = 0; e < 4; e++) {
      keys[e] = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(slots[e] + i)));
    }
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) {
      const I query = _mm512_load_si512(words + h * dims + i);
      KVFOLD_UNROLL
      for (int e = 0; e < 4; e++) addWordProducts(sums[h][e], keys[e], query);
    }
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) out[h].putInts(quad, sums[h][0], sums[h][1], sums[h][2], sums[h][3]);
}

/** The scales of keys (part 0) or values (part 1) of a page's entries from `first` on; 0 behind the last one. */
KVFOLD_INLINE F scalesOf(const float* scales, int64_t first, int64_t count, int part) {
  const int64_t left = count - first < 16 ? count - first : 16;
  const uint32_t mask = static_cast<uint32_t>((uint64_t{1} << (2 * left)) - 1);
  const F low = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), scales + 2 * first);
  const F high = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16), scales + 2 * first + 16);
  const I evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return _mm512_permutex2var_ps(low, _mm512_add_epi32(evens, _mm512_set1_epi32(part)), high);
}

/**
 * Weights in digits, for products with bytes of four entries at a time: `digits[head][digit]` has a byte for each entry,
 * those of a page beginning at a multiple of 4.
 */
template <int heads, int64_t capacity>
struct WeightDigits {
  alignas(64) uint8_t bytes[heads][weightDigits][capacity];

  /** Codes the weights of a page, times the scales of its values and `factor`; gives the place behind them. */
  inline __attribute__((always_inline)) int64_t put(int64_t at, const PageSpan& page, const float* scales,
                                                    const float* weights, int64_t stride, float factor) {
    for (int64_t first = 0; first < page.count; first += 16) {
      const F share = mul(scalesOf(scales, first, page.count, 1), all(factor));
      const __mmask16 mask = firstLanes(page.count - first < 16 ? page.count - first : 16);
      KVFOLD_UNROLL
      for (int h = 0; h < heads; h++) {
        const F weight = _mm512_maskz_loadu_ps(mask, weights + h * stride + first);
        I whole = _mm512_cvtps_epi32(mul(weight, share));
        KVFOLD_UNROLL
        for (int d = 0; d < weightDigits; d++) {
          _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes[h][d] + at + first), _mm512_cvtepi32_epi8(whole));
          whole = shiftRight(whole, 8);
        }
      }
    }
    return at + (page.count + 3) / 4 * 4;
  }
};

/** Channels of a piece in the order that interleaving bytes gives them, and back: blocks of four change places. */
KVFOLD_INLINE void interleavePiece(const float* from, float* to) {
  const F a = load(from), b = load(from + 16), c = load(from + 32), d = load(from + 48);
  const F ab = _mm512_shuffle_f32x4(a, b, 0x44), cd = _mm512_shuffle_f32x4(c, d, 0x44);
  const F abHigh = _mm512_shuffle_f32x4(a, b, 0xee), cdHigh = _mm512_shuffle_f32x4(c, d, 0xee);
  store(to, _mm512_shuffle_f32x4(ab, cd, 0x88));
  store(to + 16, _mm512_shuffle_f32x4(ab, cd, 0xdd));
  store(to + 32, _mm512_shuffle_f32x4(abHigh, cdHigh, 0x88));
  store(to + 48, _mm512_shuffle_f32x4(abHigh, cdHigh, 0xdd));
}

/** Adds the products of the bytes of four entries, those that `half` of their bytes make, with the digits from `at` on. */
template <int heads, int half, int64_t capacity>
KVFOLD_INLINE void addFour(const uint8_t* const* rows, const WeightDigits<heads, capacity>& digits, int64_t at,
                           I (*acc)[weightDigits][2]) {
  const I a = _mm512_loadu_si512(rows[0]), b = _mm512_loadu_si512(rows[1]);
  const I c = _mm512_loadu_si512(rows[2]), d = _mm512_loadu_si512(rows[3]);
  const I ab = half == 0 ? _mm512_unpacklo_epi8(a, b) : _mm512_unpackhi_epi8(a, b);
  const I cd = half == 0 ? _mm512_unpacklo_epi8(c, d) : _mm512_unpackhi_epi8(c, d);
  const I low = _mm512_unpacklo_epi16(ab, cd), high = _mm512_unpackhi_epi16(ab, cd);
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int digit = 0; digit < weightDigits; digit++) {
      int32_t four;
      memcpy(&four, digits.bytes[h][digit] + at, 4);
      const I weights = _mm512_set1_epi32(four);
      addProducts(acc[h][digit][0], weights, low);
      addProducts(acc[h][digit][1], weights, high);
    }
  }
}

/** Adds the weighted values of some pages to two vectors of a piece's sums: those that `half` of the bytes make. */
template <int heads, int fixed, int half, int64_t capacity>
KVFOLD_INLINE void addHalfPiece(const PagesTask& task, int64_t firstPage, int64_t endPage,
                                const WeightDigits<heads, capacity>& digits, int64_t i, I (*acc)[weightDigits][2],
                                NextLines& ahead) {
  constexpr int64_t slotBytes = 2 * fixed;
  int64_t at = 0;
  for (int64_t p = firstPage; p < endPage; p++) {
    const PageSpan& page = task.pages[p];
    const uint8_t* value = page.data + fixed + i;
    for (int64_t e = 0; e < page.count; e += 4, at += 4) {
      ahead.ask<2>();
      const uint8_t* rows[4];
      // behind the last entry weights are 0
      const int64_t last = page.count - e - 1;
      KVFOLD_UNROLL
      for (int r = 0; r < 4; r++) rows[r] = value + (e + r) * slotBytes;
      if (last < 3) {
        for (int r = 1; r < 4; r++) rows[r] = r > last ? rows[0] : rows[r];
      }
      addFour<heads, half>(rows, digits, at, acc);
    }
  }
}

template <int heads, int fixed, int half, int64_t capacity>
KVFOLD_INLINE void addHalf(const PagesTask& task, int64_t firstPage, int64_t endPage,
                           const WeightDigits<heads, capacity>& digits, float unit, const float* corrections, int64_t i,
                           float* sums, NextLines& ahead) {
  I acc[heads][weightDigits][2];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int d = 0; d < weightDigits; d++) acc[h][d][0] = acc[h][d][1] = _mm512_setzero_si512();
  }
  addHalfPiece<heads, fixed, half>(task, firstPage, endPage, digits, i, acc, ahead);
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int v = 0; v < 2; v++) {
      float* at = sums + h * fixed + i + (2 * half + v) * width;
      F sum = fma(toFloats(acc[h][2][v]), all(65536), fma(toFloats(acc[h][1][v]), all(256), toFloats(acc[h][0][v])));
      store(at, fma(load(at), all(corrections[h]), mul(sum, all(unit))));
    }
  }
}

/** `addValues` in integers, for all channels; `sums` are in the order of `interleavePiece`. */
template <int heads, int fixed>
KVFOLD_INLINE void addCodes(const PagesTask& task, int64_t firstPage, int64_t endPage, const float* weights, int64_t stride,
                            const float* corrections, float* sums, NextLines& ahead) {
  F most = all(0), taint = all(0);
  const auto scales = [&](int64_t p) { return reinterpret_cast<const float*>(task.pages[p].data + task.scalesOffset); };
  for (int64_t p = firstPage; p < endPage; p++) {
    for (int64_t e = 0; e < task.pages[p].count; e += 16) {
      const F some = scalesOf(scales(p), e, task.pages[p].count, 1);
      most = max(most, some);
      taint = fma(some, all(0), taint);  // whole numbers would hide a scale that is NaN
    }
  }
  const float largest = maxLane(most);
  const float factor = largest > 0 ? weightUnit / largest : 0;
  WeightDigits<heads, 4 * mostPagesOfChunk + 64> digits;
  int64_t at = 0;
  for (int64_t p = firstPage; p < endPage; p++) {
    at = digits.put(at, task.pages[p], scales(p), weights, stride, factor);
    weights += task.pages[p].count;
  }
  const float unit = largest / weightUnit + sum(taint);
#pragma GCC unroll 2
  for (int64_t i = 0; i < fixed; i += pieceDims) {
    addHalf<heads, fixed, 0>(task, firstPage, endPage, digits, unit, corrections, i, sums, ahead);
    addHalf<heads, fixed, 1>(task, firstPage, endPage, digits, unit, corrections, i, sums, ahead);
  }
}

#endif

}  // namespace kvfold::KVFOLD_ISA
