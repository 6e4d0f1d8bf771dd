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

  /** Asks for the next lines. */
  template <int lines>
  inline __attribute__((always_inline)) void ask() {
    KVFOLD_UNROLL
    for (int line = 0; line < lines; line++) __builtin_prefetch(take(), 0, 3);
  }

  /** Asks for a line between what makes `held`, which stays in a register, and what uses it. */
  template <class V>
  inline __attribute__((always_inline)) void askBeside(V& held) {
#if defined(__AVX512F__)
    // compilers move other requests to where a loop begins, all of them together
    __asm__ volatile("prefetcht0 %1" : "+v"(held) : "m"(*take()));
#else
    (void)held;
    ask<1>();
#endif
  }

  /**
   * Asks with vector `part` of the `parts` of step `i`, a step that uses `bytes`: the lines are spread evenly over the vectors
   * of a step, or over steps that use less than a line.
   */
  template <int64_t bytes, int parts, class V>
  inline __attribute__((always_inline)) void askAmong(int64_t i, int part, V& held) {
    constexpr int lines = bytes / 64;
    if constexpr (lines > 0) {
      if (part * lines % parts < lines) askBeside(held);
    } else {
      if (part == 0 && i * bytes % 64 == 0) ask<1>();
    }
  }

  /** Goes on by `bytes` in each stream. */
  inline __attribute__((always_inline)) void skip(int64_t bytes) {
    KVFOLD_UNROLL
    for (int s = 0; s < streams; s++) at[s] += bytes;
  }

 private:
  /** The line whose turn it is. */
  inline __attribute__((always_inline)) const uint8_t* take() {
    const uint8_t* line = at[0];
    KVFOLD_UNROLL
    for (int s = 1; s < streams; s++) at[s - 1] = at[s];
    at[streams - 1] = line + 64;
    return line;
  }
};

}  // namespace kvfold::KVFOLD_ISA
