// Products of small matrices by a warp. Fragments are those of PTX's mma.m16n8k16: with g = lane / 4 and t = lane % 4,
// A [16, 16]: a[0] holds (g, 2t), (g, 2t + 1); a[1] row g + 8; a[2] columns + 8; a[3] both.
// B [16, 8]: b[0] holds (2t, g), (2t + 1, g); b[1] rows + 8.   C [16, 8]: c[0], c[1] are (g, 2t), (g, 2t + 1); c[2], c[3] row g + 8.
#pragma once
#include "../math/bf16.h"
#include "async-copy.h"

namespace kvfold {

#if !defined(__CUDACC__)
namespace emulator {

struct MmaLane {
  uint32_t a[4];
  uint32_t b[2];
  float c[4];
};

inline float bf16Half(uint32_t pair, int half) { return half != 0 ? highBf16(pair) : lowBf16(pair); }

/** The whole product, by the last lane that arrives; each lane's `c` is left in its slot. */
inline void multiplyAll(Slots slots) {
  float a[16][16], b[16][8], c[16][8];
  for (int lane = 0; lane < 32; lane++) {
    const MmaLane* own = reinterpret_cast<const MmaLane*>(slots[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int half = 0; half < 2; half++) {
      for (int i = 0; i < 4; i++) a[g + 8 * (i & 1)][2 * t + half + 8 * (i >> 1)] = bf16Half(own->a[i], half);
      for (int i = 0; i < 2; i++) b[2 * t + half + 8 * i][g] = bf16Half(own->b[i], half);
      for (int i = 0; i < 2; i++) c[g + 8 * i][2 * t + half] = own->c[2 * i + half];
    }
  }
  for (int m = 0; m < 16; m++) {
    for (int k = 0; k < 16; k++) {
      for (int n = 0; n < 8; n++) c[m][n] += a[m][k] * b[k][n];
    }
  }
  for (int lane = 0; lane < 32; lane++) {
    MmaLane* own = reinterpret_cast<MmaLane*>(slots[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) own->c[i] = c[g + 8 * (i >> 1)][2 * t + (i & 1)];
  }
}

inline uint32_t halfWords(const void* low, const void* high) {
  uint16_t words[2];
  memcpy(&words[0], low, 2);
  memcpy(&words[1], high, 2);
  return static_cast<uint32_t>(words[1]) << 16 | words[0];
}

}  // namespace emulator
#endif

/** c += a b, bf16 with sums in float32. */
KVFOLD_DEVICE void multiplyBf16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
#if defined(__CUDACC__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  emulator::MmaLane own = {{a[0], a[1], a[2], a[3]}, {b0, b1}, {c[0], c[1], c[2], c[3]}};
  const emulator::Slots slots = emulator::exchange(&own, sizeof own, emulator::multiplyAll);
  memcpy(&own, slots[emulator::self->lane], sizeof own);
  for (int i = 0; i < 4; i++) c[i] = own.c[i];
#endif
}

/**
 * Four matrices of 8 x 8 halfwords from shared memory: lane i gives the address (16-byte aligned) of row i % 8 of matrix
 * i / 8, and gets of each the words (g, 2t), (g, 2t + 1).
 */
KVFOLD_DEVICE void loadMatrices(uint32_t (&r)[4], const void* row) {
#if defined(__CUDACC__)
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(row)));
#else
  const emulator::Slots slots = emulator::exchange(&row, sizeof row);
  const unsigned g = emulator::self->lane / 4, t = emulator::self->lane % 4;
  for (unsigned i = 0; i < 4; i++) {
    const unsigned char* from;
    memcpy(&from, slots[8 * i + g], sizeof from);
    memcpy(&r[i], from + 4 * t, 4);
  }
#endif
}

/** The same with each matrix turned: a lane gets (2t, g), (2t + 1, g). */
KVFOLD_DEVICE void loadMatricesTurned(uint32_t (&r)[4], const void* row) {
#if defined(__CUDACC__)
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(row)));
#else
  const emulator::Slots slots = emulator::exchange(&row, sizeof row);
  const unsigned g = emulator::self->lane / 4, t = emulator::self->lane % 4;
  for (unsigned i = 0; i < 4; i++) {
    const unsigned char *low, *high;
    memcpy(&low, slots[8 * i + 2 * t], sizeof low);
    memcpy(&high, slots[8 * i + 2 * t + 1], sizeof high);
    r[i] = emulator::halfWords(low + 2 * g, high + 2 * g);
  }
#endif
}

/** Turns an 8 x 8 matrix of halfwords that lies in registers: in (g, 2t), (g, 2t + 1), out (2t, g), (2t + 1, g). */
KVFOLD_DEVICE uint32_t turnMatrix(uint32_t words) {
#if defined(__CUDACC__)
  uint32_t turned;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(turned) : "r"(words));
  return turned;
#else
  const emulator::Slots slots = emulator::exchange(&words, sizeof words);
  const unsigned g = emulator::self->lane / 4, t = emulator::self->lane % 4;
  // element (row, column) lies in lane 4 row + column / 2, half column % 2
  return emulator::halfWords(slots[4 * (2 * t) + g / 2] + 2 * (g & 1), slots[4 * (2 * t + 1) + g / 2] + 2 * (g & 1));
#endif
}

/** Differences of two pairs of bf16, exact where the result is a bf16. */
KVFOLD_DEVICE uint32_t subtractBf16(uint32_t a, uint32_t b) {
#if defined(__CUDACC__)
  uint32_t difference;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(difference) : "r"(b), "r"(0xbf80bf80u), "r"(a));
  return difference;
#else
  return packBf16(lowBf16(a) - lowBf16(b), highBf16(a) - highBf16(b));
#endif
}

}  // namespace kvfold
