// Reading stored keys and values as vectors of floats.
#pragma once
#include "attention.h"
#include "simd-int.h"

namespace kvfold::KVFOLD_ISA {

/** Even or odd channels of `2 * width` bfloat16. */
KVFOLD_INLINE F evenBf16(const uint16_t* p) {
#if defined(__AVX512F__)
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
#elif defined(__AVX2__)
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), 16));
#else
  return loadBf16(p);
#endif
}
KVFOLD_INLINE F oddBf16(const uint16_t* p) {
#if defined(__AVX512F__)
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(-65536)));
#elif defined(__AVX2__)
  const __m256i two = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm256_castsi256_ps(_mm256_and_si256(two, _mm256_set1_epi32(-65536)));
#else
  return loadBf16(p);
#endif
}

/**
 * Reads stored vectors. `pairs` vectors come as those of even and those of odd channels; see `inPairs`. `halfOf` gives the
 * first or second vector from channel i on, a multiple of two vectors.
 */
template <EntryCodec codec, bool pairs>
struct Stored;

template <bool pairs>
struct Stored<EntryCodec::f32, pairs> {
  static constexpr int64_t bytes = 4;
  KVFOLD_INLINE F vector(const uint8_t* slot, int64_t i) { return load(reinterpret_cast<const float*>(slot) + i); }
  template <int half>
  KVFOLD_INLINE F halfOf(const uint8_t* slot, int64_t i) {
    return vector(slot, i + half * width);
  }
};
template <>
struct Stored<EntryCodec::bf16, false> {
  static constexpr int64_t bytes = 2;
  KVFOLD_INLINE F vector(const uint8_t* slot, int64_t i) { return loadBf16(reinterpret_cast<const uint16_t*>(slot) + i); }
  template <int half>
  KVFOLD_INLINE F halfOf(const uint8_t* slot, int64_t i) {
    return vector(slot, i + half * width);
  }
};
template <>
struct Stored<EntryCodec::bf16, true> {
  static constexpr int64_t bytes = 2;
  KVFOLD_INLINE F vector(const uint8_t* slot, int64_t i) {
    const uint16_t* two = reinterpret_cast<const uint16_t*>(slot) + i / (2 * width) * (2 * width);
    return i / width % 2 == 0 ? evenBf16(two) : oddBf16(two);
  }
  template <int half>
  KVFOLD_INLINE F halfOf(const uint8_t* slot, int64_t i) {
    const uint16_t* two = reinterpret_cast<const uint16_t*>(slot) + i;
    return half == 0 ? evenBf16(two) : oddBf16(two);
  }
};
template <bool pairs>
struct Stored<EntryCodec::int8, pairs> {
  static constexpr int64_t bytes = 1;
  KVFOLD_INLINE F vector(const uint8_t* slot, int64_t i) { return toFloats(loadSigned(slot + i)); }
  template <int half>
  KVFOLD_INLINE F halfOf(const uint8_t* slot, int64_t i) {
    return vector(slot, i + half * width);
  }
};

/** Bytes of a stored channel. */
template <EntryCodec codec>
constexpr int64_t storedBytes = Stored<codec, false>::bytes;

/** From channels in a row to evens and odds of each pair of vectors, and back. */
KVFOLD_INLINE void toPairs(const float* from, int64_t count, float* to) {
  for (int64_t at = 0; at < count; at += 2 * width) {
#if defined(__AVX2__) && !defined(__AVX512F__)
    const F low = _mm256_permute2f128_ps(load(from + at), load(from + at + width), 0x20);
    const F high = _mm256_permute2f128_ps(load(from + at), load(from + at + width), 0x31);
    store(to + at, _mm256_shuffle_ps(low, high, 0x88));
    store(to + at + width, _mm256_shuffle_ps(low, high, 0xdd));
    continue;
#endif
    for (int i = 0; i < width; i++) {
      to[at + i] = from[at + 2 * i];
      to[at + width + i] = from[at + 2 * i + 1];
    }
  }
}
KVFOLD_INLINE void fromPairs(const float* from, int64_t count, float* to) {
  for (int64_t at = 0; at < count; at += 2 * width) {
#if defined(__AVX2__) && !defined(__AVX512F__)
    const F even = load(from + at), odd = load(from + at + width);
    const F low = _mm256_unpacklo_ps(even, odd), high = _mm256_unpackhi_ps(even, odd);
    store(to + at, _mm256_permute2f128_ps(low, high, 0x20));
    store(to + at + width, _mm256_permute2f128_ps(low, high, 0x31));
    continue;
#endif
    for (int i = 0; i < width; i++) {
      to[at + 2 * i] = from[at + i];
      to[at + 2 * i + 1] = from[at + width + i];
    }
  }
}

/** Keeps a loaded vector in its register: several products use it, and loading it again costs more than all else. */
KVFOLD_INLINE void hold(F& v) {
#if defined(__x86_64__)
#if defined(__AVX512F__)
  __asm__("" : "+v"(v));
#else
  __asm__("" : "+x"(v));
#endif
#elif defined(__aarch64__)
  __asm__("" : "+w"(v));
#else
  (void)v;
#endif
}

}  // namespace kvfold::KVFOLD_ISA
