// Sums over the lanes of many vectors at once: a tree that halves the number of vectors and of parts to add at each level
// takes a third of the steps of separate sums.
#pragma once
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

/** Entries whose scores `QuadSums` brings out together. */
constexpr int sumsTogether = width;

/**
 * The sums of groups of four vectors, as many groups as fill a vector: who loads what was stored in smaller pieces waits until
 * they have left for the cache.
 */
struct QuadSums {
#if defined(__AVX512F__)
  F parts[4];

  /** Adds the quad-th four vectors: afterwards four lanes of `parts[quad]` hold the parts of each. */
  KVFOLD_INLINE F halves(F a, F b) {
    return add(_mm512_mask_blend_ps(0xff00, a, b), _mm512_shuffle_f32x4(a, b, 0x4e));
  }
  inline __attribute__((always_inline)) void put(int quad, F a, F b, F c, F d) {
    const F ab = halves(a, b), cd = halves(c, d);
    // quarters in the order a, b, c, d
    parts[quad] = add(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
  }
  /** As `put` for whole numbers, that are summed as such as long as they are apart. */
  inline __attribute__((always_inline)) void putInts(int quad, __m512i a, __m512i b, __m512i c, __m512i d) {
    const auto halve = [](__m512i x, __m512i y) {
      return _mm512_add_epi32(_mm512_mask_blend_epi32(0xff00, x, y), _mm512_shuffle_i32x4(x, y, 0x4e));
    };
    const __m512i ab = halve(a, b), cd = halve(c, d);
    parts[quad] = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_shuffle_i32x4(ab, cd, 0x88), _mm512_shuffle_i32x4(ab, cd, 0xdd)));
  }
  /** `out[0..15]` = the sums of all vectors in order; those of quads that were not put are of any value. */
  inline __attribute__((always_inline)) void finish(float* out) const {
    const F x = add(_mm512_mask_blend_ps(0xcccc, parts[0], parts[1]), _mm512_shuffle_ps(parts[0], parts[1], 0x4e));
    const F y = add(_mm512_mask_blend_ps(0xcccc, parts[2], parts[3]), _mm512_shuffle_ps(parts[2], parts[3], 0x4e));
    const F sums = add(_mm512_shuffle_ps(x, y, 0x88), _mm512_shuffle_ps(x, y, 0xdd));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    store(out, _mm512_permutexvar_ps(order, sums));
  }
#elif defined(__AVX2__)
  F parts[2];

  /** Sums of two lanes each, first those of `a`. */
  KVFOLD_INLINE F halves(F a, F b) { return add(_mm256_blend_ps(a, b, 0xcc), _mm256_shuffle_ps(a, b, 0x4e)); }
  inline __attribute__((always_inline)) void put(int quad, F a, F b, F c, F d) {
    const F ab = halves(a, b), cd = halves(c, d);
    parts[quad] = add(_mm256_shuffle_ps(ab, cd, 0x88), _mm256_shuffle_ps(ab, cd, 0xdd));
  }
  /** As `put` for whole numbers, that are summed as such as long as they are apart. */
  inline __attribute__((always_inline)) void putInts(int quad, __m256i a, __m256i b, __m256i c, __m256i d) {
    const __m256i abcd = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    parts[quad] = _mm256_cvtepi32_ps(abcd);
  }
  /** The sums of all vectors in order. */
  inline __attribute__((always_inline)) F whole() const {
    return add(_mm256_blend_ps(parts[0], parts[1], 0xf0), _mm256_permute2f128_ps(parts[0], parts[1], 0x21));
  }
  /** `out[0..7]`, as above. */
  inline __attribute__((always_inline)) void finish(float* out) const { store(out, whole()); }
#else
  float sums[4];

  inline __attribute__((always_inline)) void put(int, F a, F b, F c, F d) {
    sums[0] = sum(a);
    sums[1] = sum(b);
    sums[2] = sum(c);
    sums[3] = sum(d);
  }
  inline __attribute__((always_inline)) void finish(float* out) const { memcpy(out, sums, sizeof sums); }
#endif
};

}  // namespace kvfold::KVFOLD_ISA
