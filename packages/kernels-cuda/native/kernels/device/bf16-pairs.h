// Numbers as pairs of bf16: int8 codes exactly, floats as the rounded number and its rest.
#pragma once
#include "tensor-core.h"

namespace kvfold {

/** Selectors of `__byte_perm` that put bytes i and j of a word under 0x43: the halves of two bf16. */
constexpr unsigned bytes01 = 0x4140, bytes23 = 0x4342, bytes02 = 0x4240, bytes13 = 0x4341;

/** Two int8 of a word as bf16: 128 + the low seven bits, less 128 or 256 by the sign. */
KVFOLD_DEVICE uint32_t int8ToBf16(uint32_t word, unsigned selector) {
  const uint32_t spread = __byte_perm(word, 0x43434343u, selector);
  return subtractBf16(spread & 0x437f437fu, spread & 0x43804380u);
}

/** A pair of numbers as bf16 and what that leaves of them. */
struct Pair {
  uint32_t main;
  uint32_t rest;
};

KVFOLD_DEVICE Pair pairOf(float low, float high) {
  const uint32_t main = packBf16(low, high);
  return {main, packBf16Rest(low, high, main)};
}

}  // namespace kvfold
