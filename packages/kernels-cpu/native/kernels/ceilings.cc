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

/** `streams` parts of the memory side by side, each asked for `ahead` bytes before it is read; 0: not asked for. */
template <int streams, int64_t ahead>
float read(const uint8_t* data, int64_t bytes) {
  constexpr int lanes = 8;
  F sums[lanes];
  for (int i = 0; i < lanes; i++) sums[i] = all(0);
  constexpr int64_t stride = lanes * width * 4;
  const int64_t part = bytes / streams;
  for (int64_t at = 0; at + stride <= part; at += stride) {
    for (int s = 0; s < streams; s++) {
      const uint8_t* from = data + s * part + at;
      for (int64_t line = 0; ahead > 0 && line < stride; line += 64) __builtin_prefetch(from + ahead + line);
      for (int i = 0; i < lanes; i++) {
        sums[i] = max(sums[i], load(reinterpret_cast<const float*>(from + i * width * 4)));
      }
    }
  }
  F total = sums[0];
  for (int i = 1; i < lanes; i++) total = max(total, sums[i]);
  return maxLane(total);
}

}  // namespace

extern const CeilingKernels ceilingKernels;
const CeilingKernels ceilingKernels = {width, multiplyAdd, {read<1, 0>, read<1, 1024>, read<4, 0>, read<4, 512>}};

}  // namespace kvfold::KVFOLD_ISA
