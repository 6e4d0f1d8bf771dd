// Sums in double precision: a vector of float32 widens to two of float64. Means, norms and softmax denominators then come out
// the same whatever the vectors' width, to the last bit of float32 but for rare ties.
#pragma once
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

#if defined(__AVX512F__)
using D = __m512d;
KVFOLD_INLINE D lowHalf(F v) { return _mm512_cvtps_pd(_mm512_castps512_ps256(v)); }
KVFOLD_INLINE D highHalf(F v) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1)); }
KVFOLD_INLINE D allDoubles(double x) { return _mm512_set1_pd(x); }
/** Two vectors of float64, rounded to one of float32. */
KVFOLD_INLINE F rounded(D low, D high) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1);
}
#elif defined(__AVX2__)
using D = __m256d;
KVFOLD_INLINE D lowHalf(F v) { return _mm256_cvtps_pd(_mm256_castps256_ps128(v)); }
KVFOLD_INLINE D highHalf(F v) { return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)); }
KVFOLD_INLINE D allDoubles(double x) { return _mm256_set1_pd(x); }
KVFOLD_INLINE F rounded(D low, D high) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high), 1);
}
#else
typedef double D __attribute__((vector_size(16)));
KVFOLD_INLINE D lowHalf(F v) { return D{v[0], v[1]}; }
KVFOLD_INLINE D highHalf(F v) { return D{v[2], v[3]}; }
KVFOLD_INLINE D allDoubles(double x) { return D{x, x}; }
KVFOLD_INLINE F rounded(D low, D high) {
  return F{static_cast<float>(low[0]), static_cast<float>(low[1]), static_cast<float>(high[0]), static_cast<float>(high[1])};
}
#endif

/** A sum of float32 numbers. */
struct DoubleSum {
  D low = allDoubles(0), high = allDoubles(0);

  inline __attribute__((always_inline)) void add(F v) {
    low += lowHalf(v);
    high += highHalf(v);
  }
  inline __attribute__((always_inline)) double total() const {
    const D both = low + high;
    double sum = 0;
    for (int i = 0; i < width / 2; i++) sum += both[i];
    return sum;
  }
};

}  // namespace kvfold::KVFOLD_ISA
