// Asking for memory before it is worked on.
#pragma once
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

/** Entries that are worked on side by side. */
constexpr int together = 4;

/** Places in memory that is worked on later, read on side by side. */
constexpr int streams = 4;

/**
 * Memory that is worked on a chunk later. It is asked for evenly, a few lines with every step: more at once would wait for each
 * other, and the work with them. Streams take turns.
 */
struct NextLines {
  const uint8_t* at[streams];

  template <int lines>
  inline __attribute__((always_inline)) void ask() {
    KVFOLD_UNROLL
    for (int line = 0; line < lines; line++) {
      __builtin_prefetch(at[0], 0, 3);
      const uint8_t* first = at[0];
      KVFOLD_UNROLL
      for (int s = 1; s < streams; s++) at[s - 1] = at[s];
      at[streams - 1] = first + 64;
    }
  }

  /** Asks with step `i` of several that use `bytes` each: as many lines, or one with some of them. */
  template <int64_t bytes>
  inline __attribute__((always_inline)) void askFor(int64_t i) {
    if constexpr (bytes >= 64) ask<bytes / 64>();
    else if (i * bytes % 64 == 0) ask<1>();
  }

  /** Goes on by `bytes` in each stream. */
  inline __attribute__((always_inline)) void skip(int64_t bytes) {
    KVFOLD_UNROLL
    for (int s = 0; s < streams; s++) at[s] += bytes;
  }
};

}  // namespace kvfold::KVFOLD_ISA
