// Packed weights as unsigned bytes with their scales, for products with coded activations. `CodedWeights<format>` goes
// through a row by groups (what shares a block), each of one or more units (32 or 64 bytes of values):
//
//   load(group)               scales of a group
//   unit(group, u, w)         the values of unit u as unsigned bytes: `parts` registers of 32
//   scale(group, u, part, x)  scale of the products of a part, eight lanes, from the scales of x at `x`
//   minima(group, sums, halfSums, acc)  adds what the factor multiplies, from the sums of x, to acc
//
// The product is the sum of scale (w . x) and factor times the sum of minima.
#pragma once
#include "../system/half-table.h"
#include "coded-x.h"
#include "simd.h"
#include "weight-decode.h"

#if defined(__AVX2__)

namespace kvfold::KVFOLD_ISA {
namespace {

KVFOLD_INLINE const float* scaleAt(const uint8_t* p) { return halfTable + loadAs<uint16_t>(p); }
KVFOLD_INLINE __m256i loadBytes(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
/** Scale of the product of one block, in all lanes. */
KVFOLD_INLINE __m256 product(const float* a, const float* b) {
  return _mm256_mul_ps(_mm256_broadcast_ss(a), _mm256_broadcast_ss(b));
}
KVFOLD_INLINE float sum8(__m256 v) {
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
/** The first lane, which holds a sum of its own. */
KVFOLD_INLINE float sum8(__m128 v) { return _mm_cvtss_f32(v); }
/** acc + a b in the first lane. */
KVFOLD_INLINE __m128 addProduct(const float* a, const float* b, __m128 acc) {
  return _mm_fmadd_ss(_mm_load_ss(a), _mm_load_ss(b), acc);
}
KVFOLD_INLINE __m256 lowAndHigh(const float* low, const float* high) {
  return _mm256_blend_ps(_mm256_broadcast_ss(low), _mm256_broadcast_ss(high), 0xf0);
}

template <WeightFormat format>
struct CodedWeights;

template <>
struct CodedWeights<WeightFormat::q8_0> {
  static constexpr int groupBytes = 34, blocksOfGroup = 1, units = 1, parts = 1;
  static constexpr bool joined = false;
  struct Group {
    const uint8_t* bytes;
    const float* scale;
  };
  using Minima = __m128;
  KVFOLD_INLINE Group load(const uint8_t* block, bool) { return {block + 2, scaleAt(block)}; }
#if defined(__AVX512VNNI__)
  // Bytes plus 128, put right through the sums of x.
  static constexpr bool isSigned = false;
  static constexpr float factor = -128;
  KVFOLD_INLINE void unit(const Group& group, int, __m256i* w) {
    w[0] = _mm256_xor_si256(loadBytes(group.bytes), _mm256_set1_epi8(-128));
  }
  KVFOLD_INLINE void minima(const Group& group, const float* sums, const float*, __m128& acc) {
    acc = addProduct(group.scale, sums, acc);
  }
#else
  // The sign of a weight goes to the activation: without VNNI, sums of two products must fit 16 bits.
  static constexpr bool isSigned = true;
  static constexpr float factor = 0;
  KVFOLD_INLINE void unit(const Group& group, int, __m256i* w) { w[0] = loadBytes(group.bytes); }
  KVFOLD_INLINE void minima(const Group&, const float*, const float*, __m128&) {}
#endif
  KVFOLD_INLINE __m256 scale(const Group& group, int, int, const float* x) { return product(group.scale, x); }
};

/** q4_0 and q4_1: a group is two blocks; the products of both parts have the same scales. */
template <int blockBytes, bool withMinimum>
struct FourBitPairs {
  static constexpr int groupBytes = 2 * blockBytes, blocksOfGroup = 2, units = 1, parts = 2;
  static constexpr bool joined = true, isSigned = false;
  static constexpr float factor = withMinimum ? 1 : -8;
  struct Group {
    const uint8_t* first;
    const uint8_t* second;
  };
  using Minima = __m128;
  /** The last group of a row may have one block; its activations are zero, so any weights do for the other. */
  KVFOLD_INLINE Group load(const uint8_t* block, bool single) { return {block, single ? block : block + blockBytes}; }
  KVFOLD_INLINE void unit(const Group& group, int, __m256i* w) {
    constexpr int at = withMinimum ? 4 : 2;
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(group.first + at));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(group.second + at));
    const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
    w[0] = _mm256_and_si256(both, _mm256_set1_epi8(15));
    w[1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), _mm256_set1_epi8(15));
  }
  KVFOLD_INLINE __m256 scale(const Group& group, int, int, const float* x) {
    return _mm256_mul_ps(lowAndHigh(scaleAt(group.first), scaleAt(group.second)), _mm256_loadu_ps(x));
  }
  KVFOLD_INLINE void minima(const Group& group, const float* sums, const float*, __m128& acc) {
    constexpr int at = withMinimum ? 2 : 0;
    acc = addProduct(scaleAt(group.first + at), sums, acc);
    acc = addProduct(scaleAt(group.second + at), sums + 1, acc);
  }
};

template <>
struct CodedWeights<WeightFormat::q4_0> : FourBitPairs<18, false> {};
template <>
struct CodedWeights<WeightFormat::q4_1> : FourBitPairs<20, true> {};

/** q4_k: eight sub-blocks of 32; unit u has sub-block 2u in its low and 2u + 1 in its high halves. */
template <>
struct CodedWeights<WeightFormat::q4_k> {
  static constexpr int groupBytes = 144, blocksOfGroup = 8, units = 4, parts = 2;
  static constexpr bool joined = false, isSigned = false;
  static constexpr float factor = -1;
  struct Group {
    const uint8_t* bytes;
    alignas(32) float scales[8];
    __m256 minima;
  };
  using Minima = __m256;
  KVFOLD_INLINE Group load(const uint8_t* block, bool) {
    Group group;
    const SixBits six = unpackSixBits(block + 4);
    const __m128i scales = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(six.scales));
    const __m128i minima = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(six.minima));
    _mm256_store_ps(group.scales, _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(scales)),
                                                _mm256_broadcast_ss(scaleAt(block))));
    group.minima = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(minima)),
                                 _mm256_broadcast_ss(scaleAt(block + 2)));
    group.bytes = block + 16;
    return group;
  }
  KVFOLD_INLINE void unit(const Group& group, int u, __m256i* w) {
    const __m256i both = loadBytes(group.bytes + 32 * u);
    w[0] = _mm256_and_si256(both, _mm256_set1_epi8(15));
    w[1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), _mm256_set1_epi8(15));
  }
  KVFOLD_INLINE __m256 scale(const Group& group, int u, int part, const float* x) {
    return product(group.scales + 2 * u + part, x + 2 * u + part);
  }
  KVFOLD_INLINE void minima(const Group& group, const float* sums, const float*, __m256& acc) {
    acc = _mm256_fmadd_ps(group.minima, _mm256_loadu_ps(sums), acc);
  }
};

/** q6_k: sixteen sub-blocks of 16 with signed scales; unit u is values 64u to 64u + 63. */
template <>
struct CodedWeights<WeightFormat::q6_k> {
  static constexpr int groupBytes = 210, blocksOfGroup = 8, units = 4, parts = 2;
  static constexpr bool joined = false, isSigned = false;
  static constexpr float factor = -32;
  struct Group {
    const uint8_t* block;
    alignas(32) float scales[16];
  };
  using Minima = __m256;
  KVFOLD_INLINE Group load(const uint8_t* block, bool) {
    Group group;
    const __m256 scale = _mm256_broadcast_ss(scaleAt(block + 208));
    for (int i = 0; i < 2; i++) {
      const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block + 192 + 8 * i));
      _mm256_store_ps(group.scales + 8 * i, _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), scale));
    }
    group.block = block;
    return group;
  }
  KVFOLD_INLINE void unit(const Group& group, int u, __m256i* w) { bytesOf(group.block, u, w); }
  /** The values plus 32 of unit `u` of a block. */
  KVFOLD_INLINE void bytesOf(const uint8_t* block, int u, __m256i* w) {
    const uint8_t* low = block + 64 * (u >> 1);
    const __m256i high = loadBytes(block + 128 + 32 * (u >> 1));
    for (int part = 0; part < 2; part++) {
      const int quarter = 2 * (u & 1) + part;
      const __m256i bits = loadBytes(low + 32 * part);
      const __m256i four = _mm256_and_si256((u & 1) ? _mm256_srli_epi16(bits, 4) : bits, _mm256_set1_epi8(15));
      const __m256i moved = quarter < 2 ? _mm256_slli_epi16(high, 4 - 2 * quarter) : _mm256_srli_epi16(high, 2 * quarter - 4);
      w[part] = _mm256_or_si256(four, _mm256_and_si256(moved, _mm256_set1_epi8(48)));
    }
  }
  KVFOLD_INLINE __m256 scale(const Group& group, int u, int part, const float* x) {
    const float* own = group.scales + 4 * u + 2 * part;
    return _mm256_mul_ps(lowAndHigh(own, own + 1), _mm256_broadcast_ss(x + 2 * u + part));
  }
  KVFOLD_INLINE void minima(const Group& group, const float*, const float* halfSums, __m256& acc) {
    acc = _mm256_fmadd_ps(_mm256_load_ps(group.scales), _mm256_loadu_ps(halfSums), acc);
    acc = _mm256_fmadd_ps(_mm256_load_ps(group.scales + 8), _mm256_loadu_ps(halfSums + 8), acc);
  }
};

}  // namespace
}  // namespace kvfold::KVFOLD_ISA

#endif
