// Decode attention over int8 entries in integers, for sets with VNNI: turning every code into a float costs more than the
// products. Queries are rounded to 16 bits (an error of 1/256 of what the codes themselves have), weights to 16 bits of a chunk's
// largest.
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
constexpr int weightDigits = 2;
/** The largest weight of a chunk as a whole number. */
constexpr float largestWeight = 65535.0f;

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
    I keys[4];
    KVFOLD_UNROLL
    for (int e = 0; e < 4; e++) {
      keys[e] = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(slots[e] + i)));
      if (e % 2 == 0) ahead.askBeside(keys[e]);
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
 * those of a page beginning at a multiple of 4. What one of a head's whole numbers is worth is in `units`.
 */
template <int heads, int64_t capacity>
struct WeightDigits {
  alignas(64) uint8_t bytes[heads][weightDigits][capacity];
  float units[heads];

  /** Codes the weights of some pages, `[heads, stride]`, times the scales of their values; writes over them. */
  inline __attribute__((always_inline)) void code(const PageSpan* pages, int64_t count, int64_t scalesOffset, float* weights,
                                                  int64_t stride) {
    F most[heads], poison[heads];
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) most[h] = poison[h] = all(0);
    int64_t row = 0;
    for (int64_t p = 0; p < count; row += pages[p++].count) {
      const float* scales = reinterpret_cast<const float*>(pages[p].data + scalesOffset);
      for (int64_t first = 0; first < pages[p].count; first += 16) {
        const F scale = scalesOf(scales, first, pages[p].count, 1);
        const __mmask16 mask = firstLanes(pages[p].count - first < 16 ? pages[p].count - first : 16);
        KVFOLD_UNROLL
        for (int h = 0; h < heads; h++) {
          float* at = weights + h * stride + row + first;
          const F scaled = mul(_mm512_maskz_loadu_ps(mask, at), scale);
          _mm512_mask_storeu_ps(at, mask, scaled);
          most[h] = max(most[h], scaled);
          poison[h] = fma(scaled, all(0), poison[h]);
        }
      }
    }
    F factors[heads];
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) {
      const float unit = maxLane(most[h]) / largestWeight;
      units[h] = unit + sum(poison[h]);  // whole numbers would hide what is NaN
      factors[h] = all(unit > 1e-30f ? 1 / unit : 0);
    }
    row = 0;
    for (int64_t p = 0, at = 0; p < count; row += pages[p].count, at += (pages[p].count + 3) / 4 * 4, p++) {
      for (int64_t first = 0; first < pages[p].count; first += 16) {
        const __mmask16 mask = firstLanes(pages[p].count - first < 16 ? pages[p].count - first : 16);
        KVFOLD_UNROLL
        for (int h = 0; h < heads; h++) {
          I whole = _mm512_cvtps_epi32(mul(_mm512_maskz_loadu_ps(mask, weights + h * stride + row + first), factors[h]));
          KVFOLD_UNROLL
          for (int d = 0; d < weightDigits; d++) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes[h][d] + at + first), _mm512_cvtepi32_epi8(whole));
            whole = shiftRight(whole, 8);
          }
        }
      }
    }
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

/** Halves of a piece's bytes whose sums stay in registers together. */
template <int heads>
constexpr int halvesTogether = heads < 4 ? 2 : 1;

/** Adds the products of the bytes of four entries, from `half` of their bytes on, with the digits from `at` on. */
template <int heads, int half, int64_t capacity>
KVFOLD_INLINE void addFour(const uint8_t* const* rows, const WeightDigits<heads, capacity>& digits, int64_t at,
                           I (*acc)[weightDigits][2 * halvesTogether<heads>], NextLines& ahead) {
  const I a = _mm512_loadu_si512(rows[0]), b = _mm512_loadu_si512(rows[1]);
  const I c = _mm512_loadu_si512(rows[2]), d = _mm512_loadu_si512(rows[3]);
  I parts[2 * halvesTogether<heads>];
  KVFOLD_UNROLL
  for (int i = 0; i < halvesTogether<heads>; i++) {
    const I ab = half + i == 0 ? _mm512_unpacklo_epi8(a, b) : _mm512_unpackhi_epi8(a, b);
    const I cd = half + i == 0 ? _mm512_unpacklo_epi8(c, d) : _mm512_unpackhi_epi8(c, d);
    parts[2 * i] = _mm512_unpacklo_epi16(ab, cd);
    parts[2 * i + 1] = _mm512_unpackhi_epi16(ab, cd);
    ahead.askBeside(parts[2 * i]);
    ahead.askBeside(parts[2 * i + 1]);
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int digit = 0; digit < weightDigits; digit++) {
      int32_t four;
      memcpy(&four, digits.bytes[h][digit] + at, 4);
      const I weights = _mm512_set1_epi32(four);
      KVFOLD_UNROLL
      for (int i = 0; i < 2 * halvesTogether<heads>; i++) addProducts(acc[h][digit][i], weights, parts[i]);
    }
  }
}

/** Adds the weighted values of some pages to the sums of a piece, from `half` of its bytes on. */
template <int heads, int fixed, int half, int64_t capacity>
KVFOLD_INLINE void addHalves(const PageSpan* pages, int64_t count, const WeightDigits<heads, capacity>& digits,
                             const float* corrections, int64_t i, float* sums, NextLines& ahead) {
  constexpr int64_t slotBytes = 2 * fixed;
  constexpr int vectors = 2 * halvesTogether<heads>;
  I acc[heads][weightDigits][vectors];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) acc[h][0][v] = acc[h][1][v] = _mm512_setzero_si512();
  }
  int64_t at = 0;
  for (int64_t p = 0; p < count; p++) {
    const uint8_t* value = pages[p].data + fixed + i;
    for (int64_t e = 0; e < pages[p].count; e += 4, at += 4) {
      const uint8_t* rows[4];
      // behind the last entry weights are 0
      const int64_t last = pages[p].count - e - 1;
      KVFOLD_UNROLL
      for (int r = 0; r < 4; r++) rows[r] = value + (e + r) * slotBytes;
      if (last < 3) {
        for (int r = 1; r < 4; r++) rows[r] = r > last ? rows[0] : rows[r];
      }
      addFour<heads, half>(rows, digits, at, acc, ahead);
    }
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) {
      float* to = sums + h * fixed + i + (2 * half + v) * width;
      const F sum = fma(toFloats(acc[h][1][v]), all(256), toFloats(acc[h][0][v]));
      store(to, fma(load(to), all(corrections[h]), mul(sum, all(digits.units[h]))));
    }
  }
}

/** `addValues` in integers, for all channels; `sums` are in the order of `interleavePiece`. Writes over the weights. */
template <int heads, int fixed>
KVFOLD_INLINE void addCodes(const PagesTask& task, int64_t firstPage, int64_t endPage, float* weights, int64_t stride,
                            const float* corrections, float* sums, NextLines& ahead) {
  const PageSpan* pages = task.pages + firstPage;
  const int64_t count = endPage - firstPage;
  WeightDigits<heads, 4 * mostPagesOfChunk + 64> digits;
  digits.code(pages, count, task.scalesOffset, weights, stride);
#pragma GCC unroll 2
  for (int64_t i = 0; i < fixed; i += pieceDims) {
    addHalves<heads, fixed, 0>(pages, count, digits, corrections, i, sums, ahead);
    if constexpr (halvesTogether<heads> == 1) addHalves<heads, fixed, 1>(pages, count, digits, corrections, i, sums, ahead);
  }
}

#endif

}  // namespace kvfold::KVFOLD_ISA
