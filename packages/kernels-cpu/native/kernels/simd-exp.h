// The exponential for softmax: of numbers up to 0.
#pragma once
#include "simd-int.h"

namespace kvfold::KVFOLD_ISA {

/** Rounds to the nearest whole number; for magnitudes below 2^22. */
KVFOLD_INLINE F roundWhole(F x) {
  const F shift = all(12582912.0f);
  return sub(add(x, shift), shift);
}

/** The whole number n, of -126 to 127, nearest to `x` times `scale`; `power` becomes 2^n. */
KVFOLD_INLINE F roundWithPower(F x, F scale, F& power) {
#if defined(__AVX512F__)
  const F n = roundWhole(mul(x, scale));
  power = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
  return n;
#elif defined(__AVX2__)
  // rounded by adding a large number, whose last bits then are n plus the bias of exponents
  const F large = all(12582912.0f + 127), shifted = fma(x, scale, large);
  power = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(shifted), 23));
  return sub(shifted, large);
#else
  const F n = roundWhole(mul(x, scale));
  const I bits = (__builtin_convertvector(n, I) + 127) << 23;
  memcpy(&power, &bits, sizeof power);
  return n;
#endif
}

/** `x`, or 0 where `guard` is below `least`; NaN is below nothing. */
KVFOLD_INLINE F zeroBelow(F x, F guard, float least) {
#if defined(__AVX512F__)
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(guard, all(least), _CMP_NLT_UQ), x);
#elif defined(__AVX2__)
  return _mm256_and_ps(x, _mm256_cmp_ps(guard, all(least), _CMP_NLT_UQ));
#else
  return guard < all(least) ? all(0) : x;
#endif
}

/**
 * e^x for x up to 0, within 2 units in the last place; 0 below -87, where a weight counts for nothing; NaN of NaN.
 * x = n ln 2 + r with |r| <= ln 2 / 2; e^r by its series, whose coefficients are those of the exponential up to r^7.
 */
KVFOLD_INLINE F expNegative(F x) {
  constexpr float least = -87.0f;
  const F clamped = max(all(least), x);  // the second operand where one is NaN
  F power;
  const F n = roundWithPower(clamped, all(1.44269504088896341f), power);
  F r = fma(n, all(-0.693359375f), clamped);
  r = fma(n, all(2.12194440e-4f), r);
  F y = all(1.0f / 5040);
  y = fma(y, r, all(1.0f / 720));
  y = fma(y, r, all(1.0f / 120));
  y = fma(y, r, all(1.0f / 24));
  y = fma(y, r, all(1.0f / 6));
  y = fma(y, r, all(0.5f));
  y = fma(y, r, all(1.0f));
  y = fma(y, r, all(1.0f));
  return zeroBelow(mul(y, power), x, least);
}

}  // namespace kvfold::KVFOLD_ISA
