// Exponentials in base 2, which the hardware has: scores are multiplied by log2(e) once, with the queries.
#pragma once
#include "../device/platform.h"

namespace kvfold {

constexpr float log2OfE = 1.4426950408889634f;
constexpr float lnOf2 = 0.6931471805599453f;

/** Below any score, and still a number: differences of two of them are no NaN. */
constexpr float hiddenScore = -1e30f;

/** 2^x to 2 units in the last place; 0 far below. */
KVFOLD_HOST_DEVICE float exp2Fast(float x) {
#if defined(__CUDA_ARCH__)
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
#else
  return exp2f(x);
#endif
}

}  // namespace kvfold
