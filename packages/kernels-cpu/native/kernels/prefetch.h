// Asking for weights before they are used.
#pragma once
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

/**
 * The bytes to ask for while `rows` rows that lie side by side are worked on together, `bytes` of each at a time. They
 * follow one another: the processor's own prefetchers then go on by themselves, which they do not with several short rows
 * in one page. Long rows are streams of their own, and are asked for ahead in themselves.
 */
struct Prefetch {
  const uint8_t* next;
  int64_t rowStride;
  int64_t step;

  static inline __attribute__((always_inline)) Prefetch of(const uint8_t* first, int64_t rowBytes, int rows, int bytes,
                                                               int groupsAhead = 2) {
    constexpr int64_t longest = 16384;
    if (rows * rowBytes > longest) return {first + 2048, rowBytes, bytes};
    return {first + groupsAhead * rows * rowBytes, bytes, static_cast<int64_t>(rows) * bytes};
  }

  /** Asks for what goes with one row of this step. */
  template <int bytes>
  inline __attribute__((always_inline)) void ask(int row) const {
    KVFOLD_UNROLL
    for (int line = 0; line < bytes; line += 64) __builtin_prefetch(next + row * rowStride + line);
  }

  inline __attribute__((always_inline)) void advance() { next += step; }
};

}  // namespace kvfold::KVFOLD_ISA
