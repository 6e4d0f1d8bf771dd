// Narrow floats as bits. Conversions to bf16 round to the nearest, halves to even, as the hardware's do.
#pragma once
#include "../device/platform.h"

namespace kvfold {

union FloatBits {
  float value;
  uint32_t bits;
};

KVFOLD_HOST_DEVICE float floatOfBits(uint32_t bits) {
  FloatBits both;
  both.bits = bits;
  return both.value;
}

KVFOLD_HOST_DEVICE uint32_t bitsOfFloat(float value) {
  FloatBits both;
  both.value = value;
  return both.bits;
}

KVFOLD_HOST_DEVICE float bf16ToFloat(uint16_t bits) { return floatOfBits(static_cast<uint32_t>(bits) << 16); }
/** The two bf16 of a word. */
KVFOLD_HOST_DEVICE float lowBf16(uint32_t pair) { return floatOfBits(pair << 16); }
KVFOLD_HOST_DEVICE float highBf16(uint32_t pair) { return floatOfBits(pair & 0xffff0000u); }

KVFOLD_HOST_DEVICE uint16_t floatToBf16(float value) {
#if defined(__CUDA_ARCH__)
  uint16_t bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
#else
  const uint32_t bits = bitsOfFloat(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
#endif
}

/** Two floats as one word, the first in the low half. */
KVFOLD_HOST_DEVICE uint32_t packBf16(float low, float high) {
#if defined(__CUDA_ARCH__)
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#else
  return static_cast<uint32_t>(floatToBf16(high)) << 16 | floatToBf16(low);
#endif
}

/** What rounding two floats to bf16 leaves, as bf16 again: the pair of words carries 16 bits of each. */
KVFOLD_HOST_DEVICE uint32_t packBf16Rest(float low, float high, uint32_t rounded) {
  return packBf16(low - lowBf16(rounded), high - highBf16(rounded));
}

KVFOLD_HOST_DEVICE float f16ToFloat(uint16_t bits) {
#if defined(__CUDA_ARCH__)
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
#else
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023u;
  if (exponent == 31) return floatOfBits(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) return floatOfBits(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 5.9604644775390625e-8f;  // 2^-24
  return sign != 0 ? -small : small;
#endif
}

}  // namespace kvfold
