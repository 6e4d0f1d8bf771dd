// Functions of one variable on vectors of float32, for every instruction set. Errors are in units of the last place (ulp) of
// the result, measured over all of float32 by test/vector-math-test.cc; NaN gives NaN, and infinities what mathematics says.
#pragma once
#include <cmath>

#include "simd.h"

namespace kvfold::KVFOLD_ISA {

typedef int32_t I __attribute__((vector_size(sizeof(F))));
typedef uint32_t U __attribute__((vector_size(sizeof(F))));
typedef float V __attribute__((vector_size(sizeof(F))));

KVFOLD_INLINE I bitsOf(F x) { return (I)x; }
KVFOLD_INLINE F fromBits(I x) { return (F)x; }
KVFOLD_INLINE F floatsOf(I x) { return (F) __builtin_convertvector(x, V); }
KVFOLD_INLINE I allInts(int32_t x) { return I{} + x; }
/** 2^n for n from -127 (0) to 128 (infinity). */
KVFOLD_INLINE F powerOfTwo(I n) { return (F)((U)(n + 127) << 23); }

KVFOLD_INLINE F sqrt(F x) {
#if defined(__AVX512F__)
  return _mm512_sqrt_ps(x);
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#else
  F y;
  for (int i = 0; i < width; i++) y[i] = __builtin_sqrtf(x[i]);
  return y;
#endif
}

/** Coefficients from the highest power down. */
template <int n>
KVFOLD_INLINE F polynomial(F x, const float (&coefficients)[n]) {
  F y = all(coefficients[0]);
  KVFOLD_UNROLL
  for (int i = 1; i < n; i++) y = fma(y, x, all(coefficients[i]));
  return y;
}

/** e^x, to 1 ulp; subnormal results included. */
KVFOLD_INLINE F exp(F x) {
  F c = x > all(89.0f) ? all(89.0f) : x;
  c = c < all(-105.0f) ? all(-105.0f) : c;
  // x = n ln 2 + r. Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
  const F magic = all(12582912.0f);
  const F shifted = fma(c, all(1.44269504088896341f), magic);
  const F n = shifted - magic;
  F r = fma(n, all(-0.693359375f), c);
  r = fma(n, all(2.12194440e-4f), r);
  const float coefficients[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  const F y = fma(polynomial(r, coefficients), r * r, r) + all(1.0f);
  // 2^n in two factors, for neither end of its range is a float32 of its own.
  const I whole = bitsOf(shifted) - 0x4b400000;
  const I half = whole >> 1;
  return y * powerOfTwo(half) * powerOfTwo(whole - half);
}

/** Natural logarithm, to 1 ulp: -infinity at 0, NaN below. */
KVFOLD_INLINE F log(F x) {
  const auto tiny = x < all(1.17549435e-38f);
  const I bits = bitsOf(tiny ? x * all(8388608.0f) : x);
  // x = m 2^e with m from sqrt(1/2) to sqrt(2).
  const I moved = (I)((U)bits - 0x3f3504f3u);
  const I e = (moved >> 23) - (tiny ? allInts(23) : allInts(0));
  const F z = fromBits((moved & 0x7fffff) + 0x3f3504f3) - all(1.0f);
  const float coefficients[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,  -1.2420140846e-1f, 1.4249322787e-1f,
                                -1.6668057665e-1f, 2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
  const F square = z * z;
  const F power = floatsOf(e);
  F y = polynomial(z, coefficients) * z * square;
  y = fma(power, all(-2.12194440e-4f), y);
  y = fma(square, all(-0.5f), y);
  y = fma(power, all(0.693359375f), z + y);
  const F infinity = all(__builtin_inff());
  y = x == infinity || x != x ? x : y;
  return x > all(0.0f) || x != x ? y : (x == all(0.0f) ? -infinity : all(__builtin_nanf("")));
}

/** log(1 + x), to 3 ulp. */
KVFOLD_INLINE F log1p(F x) {
  // The logarithm of the rounded sum, corrected by what rounding took from it (Kahan).
  const F u = all(1.0f) + x;
  const F whole = log(u) * (x / (u - all(1.0f)));
  return u == all(1.0f) ? x : (u == all(__builtin_inff()) ? u : whole);
}

/** 1 / (1 + e^-x), to 3 ulp, down to the smallest results. */
KVFOLD_INLINE F sigmoid(F x) {
  const F e = exp(-abs(x));
  const F y = (x < all(0.0f) ? e : all(1.0f)) / (all(1.0f) + e);
  return x == x ? y : x;
}

/** log(1 + e^x), to 3 ulp. */
KVFOLD_INLINE F softplus(F x) {
  const F rest = log1p(exp(-abs(x)));
  const F y = (x > all(0.0f) ? x : all(0.0f)) + rest;
  return x == x ? y : x;
}

/** Hyperbolic tangent, to 2 ulp. */
KVFOLD_INLINE F tanh(F x) {
  const F size = abs(x);
  const float coefficients[] = {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f};
  const F square = x * x;
  const F small = fma(polynomial(square, coefficients) * square, x, x);
  const F large = all(1.0f) - all(2.0f) / (exp(size + size) + all(1.0f));
  return size < all(0.625f) ? small : (x < all(0.0f) ? -large : large);
}

/** Error function, to 6 ulp: a rational function on [-4, 4], beyond which float32 knows only -1 and 1. */
KVFOLD_INLINE F erf(F x) {
  F c = x > all(4.0f) ? all(4.0f) : x;
  c = c < all(-4.0f) ? all(-4.0f) : c;
  const F square = c * c;
  const float above[] = {-2.72614225801306e-10f, 2.77068142495902e-08f, -2.10102402082508e-06f, -5.69250639462346e-05f,
                         -7.34990630326855e-04f, -2.95459980854025e-03f, -1.60960333262415e-02f};
  const float below[] = {-1.45660718464996e-05f, -2.13374055278905e-04f, -1.68282697438203e-03f, -7.37332916720468e-03f,
                         -1.42647390514189e-02f};
  return c * (polynomial(square, above) / polynomial(square, below));
}

}  // namespace kvfold::KVFOLD_ISA
