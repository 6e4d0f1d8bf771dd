// Vectors of float32 as wide as the instruction set that this file is compiled for. `F` holds `width` floats.
// Everything is inlined and lives in the namespace of the set, so that code of one set never runs in another's.
//
// Kernels are written with these few operations; rounding is the same in every set but for fused multiply-add, which
// `scalar` does not have, and for the order of sums over lanes.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define KVFOLD_INLINE static inline __attribute__((always_inline))
/** Before a loop of a few rounds, so that arrays indexed in it can live in registers. */
#define KVFOLD_UNROLL _Pragma("GCC unroll 16")

namespace kvfold::KVFOLD_ISA {

#if defined(__AVX512F__)

using F = __m512;
constexpr int width = 16;

KVFOLD_INLINE F load(const float* p) { return _mm512_loadu_ps(p); }
KVFOLD_INLINE void store(float* p, F v) { _mm512_storeu_ps(p, v); }
KVFOLD_INLINE __mmask16 firstLanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
/** The first `n < width` floats; the other lanes are 0 and their memory is not read. */
KVFOLD_INLINE F loadFirst(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(firstLanes(n), p); }
KVFOLD_INLINE void storeFirst(float* p, F v, int64_t n) { _mm512_mask_storeu_ps(p, firstLanes(n), v); }
KVFOLD_INLINE F all(float x) { return _mm512_set1_ps(x); }
KVFOLD_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
KVFOLD_INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
KVFOLD_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
KVFOLD_INLINE F div(F a, F b) { return _mm512_div_ps(a, b); }
KVFOLD_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
KVFOLD_INLINE F min(F a, F b) { return _mm512_min_ps(a, b); }
KVFOLD_INLINE F abs(F a) { return _mm512_abs_ps(a); }
/** a b + c */
KVFOLD_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
/** Sum of the lanes, always in the same order. */
KVFOLD_INLINE float sum(F v) {
  const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
KVFOLD_INLINE float maxLane(F v) { return _mm512_reduce_max_ps(v); }
KVFOLD_INLINE F loadBf16(const uint16_t* p) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
KVFOLD_INLINE F loadF16(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

#elif defined(__AVX2__)

using F = __m256;
constexpr int width = 8;

KVFOLD_INLINE F load(const float* p) { return _mm256_loadu_ps(p); }
KVFOLD_INLINE void store(float* p, F v) { _mm256_storeu_ps(p, v); }
KVFOLD_INLINE __m256i firstLanes(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
KVFOLD_INLINE F loadFirst(const float* p, int64_t n) { return _mm256_maskload_ps(p, firstLanes(n)); }
KVFOLD_INLINE void storeFirst(float* p, F v, int64_t n) { _mm256_maskstore_ps(p, firstLanes(n), v); }
KVFOLD_INLINE F all(float x) { return _mm256_set1_ps(x); }
KVFOLD_INLINE F add(F a, F b) { return _mm256_add_ps(a, b); }
KVFOLD_INLINE F sub(F a, F b) { return _mm256_sub_ps(a, b); }
KVFOLD_INLINE F mul(F a, F b) { return _mm256_mul_ps(a, b); }
KVFOLD_INLINE F div(F a, F b) { return _mm256_div_ps(a, b); }
KVFOLD_INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
KVFOLD_INLINE F min(F a, F b) { return _mm256_min_ps(a, b); }
KVFOLD_INLINE F abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
KVFOLD_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
KVFOLD_INLINE float sum(F v) {
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
KVFOLD_INLINE float maxLane(F v) {
  const __m128 b = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}
KVFOLD_INLINE F loadBf16(const uint16_t* p) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
KVFOLD_INLINE F loadF16(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

#else  // four lanes by the compiler's own vectors: SSE2, NEON or plain code

typedef float F __attribute__((vector_size(16)));
constexpr int width = 4;

KVFOLD_INLINE F load(const float* p) {
  F v;
  memcpy(&v, p, sizeof v);
  return v;
}
KVFOLD_INLINE void store(float* p, F v) { memcpy(p, &v, sizeof v); }
KVFOLD_INLINE F loadFirst(const float* p, int64_t n) {
  F v = {0, 0, 0, 0};
  for (int i = 0; i < n; i++) v[i] = p[i];
  return v;
}
KVFOLD_INLINE void storeFirst(float* p, F v, int64_t n) {
  for (int i = 0; i < n; i++) p[i] = v[i];
}
KVFOLD_INLINE F all(float x) { return F{x, x, x, x}; }
KVFOLD_INLINE F add(F a, F b) { return a + b; }
KVFOLD_INLINE F sub(F a, F b) { return a - b; }
KVFOLD_INLINE F mul(F a, F b) { return a * b; }
KVFOLD_INLINE F div(F a, F b) { return a / b; }
KVFOLD_INLINE F max(F a, F b) { return a > b ? a : b; }
KVFOLD_INLINE F min(F a, F b) { return a < b ? a : b; }
KVFOLD_INLINE F abs(F a) {
  F v;
  for (int i = 0; i < width; i++) v[i] = __builtin_fabsf(a[i]);
  return v;
}
KVFOLD_INLINE F fma(F a, F b, F c) {
#if defined(__ARM_NEON)
  return reinterpret_cast<F>(vfmaq_f32(reinterpret_cast<float32x4_t>(c), reinterpret_cast<float32x4_t>(a),
                                       reinterpret_cast<float32x4_t>(b)));
#else
  return a * b + c;
#endif
}
KVFOLD_INLINE float sum(F v) { return (v[0] + v[2]) + (v[1] + v[3]); }
KVFOLD_INLINE float maxLane(F v) {
  const float a = v[0] > v[1] ? v[0] : v[1];
  const float b = v[2] > v[3] ? v[2] : v[3];
  return a > b ? a : b;
}
KVFOLD_INLINE F loadBf16(const uint16_t* p) {
  uint32_t bits[4];
  for (int i = 0; i < 4; i++) bits[i] = static_cast<uint32_t>(p[i]) << 16;
  F v;
  memcpy(&v, bits, sizeof v);
  return v;
}
KVFOLD_INLINE float f16ToF32(uint16_t half);
KVFOLD_INLINE F loadF16(const uint16_t* p) {
#if defined(__ARM_NEON)
  float16x4_t half;
  memcpy(&half, p, sizeof half);
  return reinterpret_cast<F>(vcvt_f32_f16(half));
#else
  return F{f16ToF32(p[0]), f16ToF32(p[1]), f16ToF32(p[2]), f16ToF32(p[3])};
#endif
}

#endif

/** The first `n` floats, n of any size; lanes beyond are 0. */
KVFOLD_INLINE F loadUpTo(const float* p, int64_t n) { return n >= width ? load(p) : n > 0 ? loadFirst(p, n) : all(0); }
/** Stores the first `n` lanes, n of any size. */
KVFOLD_INLINE void storeUpTo(float* p, F v, int64_t n) {
  if (n >= width) {
    store(p, v);
  } else if (n > 0) {
    storeFirst(p, v, n);
  }
}

KVFOLD_INLINE float f32FromBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

KVFOLD_INLINE float bf16ToF32(uint16_t bits) { return f32FromBits(static_cast<uint32_t>(bits) << 16); }

/** Exact, for every half: normal, subnormal, infinite and NaN. */
KVFOLD_INLINE float f16ToF32(uint16_t half) {
#if defined(__F16C__)
  return _cvtsh_ss(half);
#else
  // The exponent is moved by a product with 2^112, which also makes subnormal halves normal.
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t body = static_cast<uint32_t>(half & 0x7fff) << 13;
  if ((half & 0x7c00) == 0x7c00) return f32FromBits(sign | 0x7f800000 | body);
  return f32FromBits(sign) + (sign ? -1.0f : 1.0f) * (f32FromBits(body) * 0x1p112f);
#endif
}

}  // namespace kvfold::KVFOLD_ISA
