#include "ceilings.h"

#include "simd.h"

namespace kvfold::KVFOLD_ISA {
namespace {

float multiplyAdd(int64_t iterations) {
#if defined(__AVX2__)
  constexpr int chains = 12;
#else
  constexpr int chains = 8;
#endif
  F sums[chains];
  for (int i = 0; i < chains; i++) sums[i] = all(static_cast<float>(i));
  F a = all(0.5f), b = all(1.0f);
  // Sixteen products a round, whatever the number of chains that fit the registers.
  for (int64_t round = 0; round < iterations * 16 / chains; round++) {
    __asm__ volatile("" : "+x"(a), "+x"(b));
    for (int i = 0; i < chains; i++) sums[i] = fma(sums[i], a, b);
  }
  F total = sums[0];
  for (int i = 1; i < chains; i++) total = add(total, sums[i]);
  return sum(total);
}

float read(const uint8_t* data, int64_t bytes) {
  constexpr int lanes = 8;
  F sums[lanes];
  for (int i = 0; i < lanes; i++) sums[i] = all(0);
  constexpr int64_t stride = lanes * width * 4;
  for (int64_t at = 0; at + stride <= bytes; at += stride) {
    __builtin_prefetch(data + at + 4096);
    for (int i = 0; i < lanes; i++) {
      sums[i] = max(sums[i], load(reinterpret_cast<const float*>(data + at + i * width * 4)));
    }
  }
  F total = sums[0];
  for (int i = 1; i < lanes; i++) total = max(total, sums[i]);
  return maxLane(total);
}

}  // namespace

extern const CeilingKernels ceilingKernels;
const CeilingKernels ceilingKernels = {width, multiplyAdd, read};

}  // namespace kvfold::KVFOLD_ISA
