// A block's products in AVX2: pairs of bytes become words, which `vpmaddwd` multiplies with the scales of the block's parts.
#pragma once
#include "coded-weights.h"

#if defined(__AVX2__) && !defined(__AVX512F__)

namespace kvfold::KVFOLD_ISA {
namespace {

/** Eight bytes as words, in both halves. */
KVFOLD_INLINE __m256i bothHalves(__m128i words) { return _mm256_broadcastsi128_si256(words); }

/** Word `i` of each half, in all words of that half. */
KVFOLD_INLINE __m256i wordOfHalves(__m256i words, int i) {
  return _mm256_shuffle_epi8(words, _mm256_set1_epi16(static_cast<int16_t>(2 * i | (2 * i + 1) << 8)));
}

/** What a format's block gives: `scales`, words for `wordOfHalves`; parts of 32 unsigned bytes; what is taken off. */
template <WeightFormat format>
struct SuperWeights;

template <>
struct SuperWeights<WeightFormat::q4_k> {
  static constexpr int bytes = 144;
  const uint8_t* block;
  SixBits six;

  explicit SuperWeights(const uint8_t* at) : block(at), six(unpackSixBits(at + 4)) {}
  const float* scale() const { return scaleAt(block); }
  __m256i scales() const {
    return bothHalves(_mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(six.scales))));
  }
  /** Parts 2 u and 2 u + 1. */
  inline __attribute__((always_inline)) void unit(int u, __m256i* w) const {
    const __m256i both = loadBytes(block + 16 + 32 * u);
    w[0] = _mm256_and_si256(both, _mm256_set1_epi8(15));
    w[1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), _mm256_set1_epi8(15));
  }
  inline __attribute__((always_inline)) __m256 takeOff(const float* sums, __m256 acc) const {
    const __m128i minima = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(six.minima));
    const __m256 whole = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(minima));
    return _mm256_fnmadd_ps(_mm256_mul_ps(whole, _mm256_broadcast_ss(scaleAt(block + 2))), _mm256_loadu_ps(sums), acc);
  }
};

template <>
struct SuperWeights<WeightFormat::q6_k> {
  static constexpr int bytes = 210;
  const uint8_t* block;

  explicit SuperWeights(const uint8_t* at) : block(at) {}
  const float* scale() const { return scaleAt(block + 208); }
  /** A part has two scales: those of first halves come in the low half, those of second ones in the high half. */
  __m256i scales() const {
    const __m128i all = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 192));
    const __m128i order = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    return _mm256_cvtepi8_epi16(_mm_shuffle_epi8(all, order));
  }
  inline __attribute__((always_inline)) void unit(int u, __m256i* w) const {
    CodedWeights<WeightFormat::q6_k>::bytesOf(block, u, w);
  }
  /** Values are stored plus 32. */
  inline __attribute__((always_inline)) __m256 takeOff(const float* sums, __m256 acc) const {
    const __m256 factor = _mm256_mul_ps(_mm256_broadcast_ss(scale()), _mm256_set1_ps(32));
    __m256 total = _mm256_setzero_ps();
    KVFOLD_UNROLL
    for (int i = 0; i < 2; i++) {
      const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block + 192 + 8 * i));
      total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight)), _mm256_loadu_ps(sums + 8 + 8 * i), total);
    }
    return _mm256_fnmadd_ps(factor, total, acc);
  }
};

/** `acc` plus a block's products with `x`, its coded values. */
template <WeightFormat format, int digits>
KVFOLD_INLINE __m256 addBlock(const uint8_t* block, const uint8_t* x, const float* scaleOfX, const float* sumsOfX, __m256 acc) {
  const SuperWeights<format> weights(block);
  const __m256i scales = weights.scales();
  __m256i sums[digits];
  KVFOLD_UNROLL
  for (int d = 0; d < digits; d++) sums[d] = _mm256_setzero_si256();
  KVFOLD_UNROLL
  for (int u = 0; u < 4; u++) {
    __m256i w[2];
    weights.unit(u, w);
    KVFOLD_UNROLL
    for (int part = 0; part < 2; part++) {
      const __m256i scale = wordOfHalves(scales, 2 * u + part);
      KVFOLD_UNROLL
      for (int d = 0; d < digits; d++) {
        const __m256i pairs = _mm256_maddubs_epi16(w[part], loadBytes(x + d * 256 + (2 * u + part) * 32));
        sums[d] = _mm256_add_epi32(sums[d], _mm256_madd_epi16(pairs, scale));
      }
    }
  }
  __m256 sum = _mm256_cvtepi32_ps(sums[0]);
  KVFOLD_UNROLL
  for (int d = 1; d < digits; d++) sum = _mm256_fmadd_ps(sum, _mm256_set1_ps(256), _mm256_cvtepi32_ps(sums[d]));
  return weights.takeOff(sumsOfX, _mm256_fmadd_ps(sum, product(weights.scale(), scaleOfX), acc));
}

}  // namespace
}  // namespace kvfold::KVFOLD_ISA

#endif
