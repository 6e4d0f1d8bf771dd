// A block's products in 512 bits: two parts fill a register, each sum of four products gets the scale of its part as a float.
#pragma once
#include "coded-weights.h"

#if defined(__AVX512VNNI__)

namespace kvfold::KVFOLD_ISA {
namespace {

/** Two parts: `low` in the lower half of the register, `high` in the upper one. */
KVFOLD_INLINE __m512i wordsOfHalves(int low, int high) {
  return _mm512_inserti64x4(_mm512_set1_epi16(static_cast<int16_t>(low)), _mm256_set1_epi16(static_cast<int16_t>(high)), 1);
}
/** 32 bytes in both halves. */
KVFOLD_INLINE __m512i twice(const uint8_t* p) { return _mm512_broadcast_i64x4(loadBytes(p)); }

/**
 * What a format's block gives: `scales`, floats of which the sums of a unit take those at `lanes`; units of 64 unsigned
 * bytes, parts 2 u and 2 u + 1; what is taken off.
 */
template <WeightFormat format>
struct SuperWeights;

template <>
struct SuperWeights<WeightFormat::q4_k> {
  static constexpr int bytes = 144;
  const uint8_t* block;
  SixBits six;

  explicit SuperWeights(const uint8_t* at) : block(at), six(unpackSixBits(at + 4)) {}
  const float* scale() const { return scaleAt(block); }
  __m512 scales() const { return _mm512_castps256_ps512(floatsOf(six.scales)); }
  static __m512i lanes(int u) {
    const __m512i half = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    return _mm512_add_epi32(half, _mm512_set1_epi32(2 * u));
  }
  inline __attribute__((always_inline)) __m512i unit(int u) const {
    const __m512i shifted = _mm512_srlv_epi16(twice(block + 16 + 32 * u), wordsOfHalves(0, 4));
    return _mm512_and_si512(shifted, _mm512_set1_epi8(15));
  }
  inline __attribute__((always_inline)) __m512 takeOff(const float* sums, __m512 acc) const {
    const __m256 factors = _mm256_mul_ps(floatsOf(six.minima), _mm256_broadcast_ss(scaleAt(block + 2)));
    return _mm512_sub_ps(acc, _mm512_zextps256_ps512(_mm256_mul_ps(factors, _mm256_loadu_ps(sums))));
  }

 private:
  static inline __attribute__((always_inline)) __m256 floatsOf(const uint8_t* eight) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(eight))));
  }
};

template <>
struct SuperWeights<WeightFormat::q6_k> {
  static constexpr int bytes = 210;
  const uint8_t* block;

  explicit SuperWeights(const uint8_t* at) : block(at) {}
  const float* scale() const { return scaleAt(block + 208); }
  /** One for every 16 values. */
  __m512 scales() const {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 192))));
  }
  static __m512i lanes(int u) {
    const __m512i quarter = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    return _mm512_add_epi32(quarter, _mm512_set1_epi32(4 * u));
  }
  /** The values plus 32. */
  inline __attribute__((always_inline)) __m512i unit(int u) const {
    const __m512i bits = _mm512_loadu_si512(block + 64 * (u >> 1));
    const __m512i four = (u & 1) != 0 ? _mm512_srli_epi16(bits, 4) : bits;
    const __m512i pairs = twice(block + 128 + 32 * (u >> 1));
    const __m512i two = (u & 1) != 0 ? _mm512_srlv_epi16(pairs, wordsOfHalves(0, 2)) : _mm512_sllv_epi16(pairs, wordsOfHalves(4, 2));
    // (four & 15) | (two & ~15), then the six bits of both
    const __m512i joined = _mm512_ternarylogic_epi32(four, two, _mm512_set1_epi8(15), 0xe4);
    return _mm512_and_si512(joined, _mm512_set1_epi8(63));
  }
  inline __attribute__((always_inline)) __m512 takeOff(const float* sums, __m512 acc) const {
    const __m512 factors = _mm512_mul_ps(scales(), _mm512_set1_ps(32 * *scale()));
    return _mm512_fnmadd_ps(factors, _mm512_loadu_ps(sums + 8), acc);
  }
};

/**
 * `acc` plus a block's products with `x`, its coded values. The sum of all digits of four products stays below 2^31:
 * 4 * 63 * 127 * 2^16 and what the lower digits add.
 */
template <WeightFormat format, int digits>
KVFOLD_INLINE __m512 addBlock(const uint8_t* block, const uint8_t* x, const float* scaleOfX, const float* sumsOfX, __m512 acc) {
  using W = SuperWeights<format>;
  const W weights(block);
  const __m512 scales = _mm512_mul_ps(weights.scales(), _mm512_set1_ps(*weights.scale() * *scaleOfX));
  KVFOLD_UNROLL
  for (int u = 0; u < 4; u++) {
    const __m512i w = weights.unit(u);
    __m512i sums = _mm512_setzero_si512();
    KVFOLD_UNROLL
    for (int d = 0; d < digits; d++) {
      if (d > 0) sums = _mm512_slli_epi32(sums, 8);
      sums = _mm512_dpbusd_epi32(sums, w, _mm512_loadu_si512(x + d * 256 + u * 64));
    }
    acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), _mm512_permutexvar_ps(W::lanes(u), scales), acc);
  }
  return weights.takeOff(sumsOfX, acc);
}

}  // namespace
}  // namespace kvfold::KVFOLD_ISA

#endif
