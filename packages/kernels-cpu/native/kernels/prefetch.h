// Asking for weights before they are used.
#pragma once
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

#if defined(__AVX2__)
constexpr bool inStreams = true;
#else
constexpr bool inStreams = false;
#endif
/** Bytes that are asked for ahead in each of four streams: Zen 3 wants them late, Sapphire Rapids early. */
#if defined(__AVX512F__)
constexpr int64_t streamAhead = 1024;
#else
constexpr int64_t streamAhead = 256;
#endif

/**
 * How the outputs `[begin, end)` are taken in groups of `together`: member m of group i is output
 * `begin + i * step + m * apart`; the last few outputs are left over.
 *
 * With AVX2 and above each member goes through a part of its own: memory gives four streams more than one (a third on Zen 3,
 * a twelfth on Sapphire Rapids), and processors' prefetchers hold four short rows in one page for one stream. Others take
 * neighbours.
 */
struct Groups {
  int64_t count;
  int64_t step;
  int64_t apart;

  static inline __attribute__((always_inline)) Groups of(int64_t outputs, int together) {
    const int64_t count = outputs / together;
    return inStreams ? Groups{count, 1, count} : Groups{count, together, 1};
  }
};

/**
 * The bytes to ask for while `rows` rows that lie side by side are worked on together, `bytes` of each at a time. They
 * follow one another: the processor's own prefetchers then go on by themselves, which they do not with several short rows
 * in one page. Long rows are streams of their own, and are asked for ahead in themselves.
 */
struct Prefetch {
  const uint8_t* next;
  int64_t rowStride;
  int64_t step;

  static inline __attribute__((always_inline)) Prefetch of(const uint8_t* first, int64_t rowBytes, int rows, int bytes) {
    constexpr int64_t longest = 16384, groupsAhead = 2;
    if (rows * rowBytes > longest) return {first + 2048, rowBytes, bytes};
    return {first + groupsAhead * rows * rowBytes, bytes, static_cast<int64_t>(rows) * bytes};
  }

  /** For rows that are streams of their own, `apart` bytes from each other. */
  static inline __attribute__((always_inline)) Prefetch ofStreams(const uint8_t* first, int64_t apart, int bytes) {
    return {first + streamAhead, apart, bytes};
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
