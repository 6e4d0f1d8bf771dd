// Vectors of int32 beside the float vectors of simd.h, as far as unpacking weights needs them.
#pragma once
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

#if defined(__AVX512F__)

using I = __m512i;
/** `width` unsigned bytes. */
KVFOLD_INLINE I loadUnsigned(const uint8_t* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
/** `width` signed bytes. */
KVFOLD_INLINE I loadSigned(const uint8_t* p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
KVFOLD_INLINE I allInts(int32_t x) { return _mm512_set1_epi32(x); }
KVFOLD_INLINE I shiftRight(I v, int bits) { return _mm512_srli_epi32(v, static_cast<unsigned>(bits)); }
KVFOLD_INLINE I shiftLeft(I v, int bits) { return _mm512_slli_epi32(v, static_cast<unsigned>(bits)); }
KVFOLD_INLINE I bitsAnd(I a, I b) { return _mm512_and_si512(a, b); }
KVFOLD_INLINE I bitsOr(I a, I b) { return _mm512_or_si512(a, b); }
KVFOLD_INLINE F toFloats(I v) { return _mm512_cvtepi32_ps(v); }
/** Lane i gets bit i of `bits`, as 0 or 16. */
KVFOLD_INLINE I sixteens(uint32_t bits) {
  return _mm512_maskz_set1_epi32(static_cast<__mmask16>(bits), 16);
}

#elif defined(__AVX2__)

using I = __m256i;
KVFOLD_INLINE I loadUnsigned(const uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
KVFOLD_INLINE I loadSigned(const uint8_t* p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
KVFOLD_INLINE I allInts(int32_t x) { return _mm256_set1_epi32(x); }
KVFOLD_INLINE I shiftRight(I v, int bits) { return _mm256_srli_epi32(v, bits); }
KVFOLD_INLINE I shiftLeft(I v, int bits) { return _mm256_slli_epi32(v, bits); }
KVFOLD_INLINE I bitsAnd(I a, I b) { return _mm256_and_si256(a, b); }
KVFOLD_INLINE I bitsOr(I a, I b) { return _mm256_or_si256(a, b); }
KVFOLD_INLINE F toFloats(I v) { return _mm256_cvtepi32_ps(v); }
KVFOLD_INLINE I sixteens(uint32_t bits) {
  const I shifted = _mm256_srlv_epi32(_mm256_set1_epi32(static_cast<int>(bits)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  return _mm256_slli_epi32(_mm256_and_si256(shifted, _mm256_set1_epi32(1)), 4);
}

#else

typedef int32_t I __attribute__((vector_size(16)));
KVFOLD_INLINE I loadUnsigned(const uint8_t* p) { return I{p[0], p[1], p[2], p[3]}; }
KVFOLD_INLINE I loadSigned(const uint8_t* p) {
  const int8_t* s = reinterpret_cast<const int8_t*>(p);
  return I{s[0], s[1], s[2], s[3]};
}
KVFOLD_INLINE I allInts(int32_t x) { return I{x, x, x, x}; }
KVFOLD_INLINE I shiftRight(I v, int bits) { return v >> bits; }
KVFOLD_INLINE I shiftLeft(I v, int bits) { return v << bits; }
KVFOLD_INLINE I bitsAnd(I a, I b) { return a & b; }
KVFOLD_INLINE I bitsOr(I a, I b) { return a | b; }
KVFOLD_INLINE F toFloats(I v) { return __builtin_convertvector(v, F); }
KVFOLD_INLINE I sixteens(uint32_t bits) {
  const int32_t b = static_cast<int32_t>(bits);
  return I{(b & 1) << 4, (b & 2) << 3, (b & 4) << 2, (b & 8) << 1};
}

#endif

}  // namespace kvfold::KVFOLD_ISA
