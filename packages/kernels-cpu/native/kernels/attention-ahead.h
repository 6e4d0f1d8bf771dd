// Asking for memory before it is worked on.
#pragma once
#include "simd.h"

namespace kvfold::KVFOLD_ISA {

/** Entries that are worked on side by side. */
constexpr int together = 4;

/** Places in the next chunk that memory is asked for side by side: the processor's own prefetchers follow each a little. */
constexpr int streams = 4;

/** What is asked for while four entries are worked on, of each stream; a chunk is passed twice, for keys and for values. */
struct Ahead {
  const uint8_t* from[streams];

  inline __attribute__((always_inline)) void ask(int64_t entry, int64_t slotBytes) const {
    const int64_t bytes = slotBytes * together / (2 * streams);
    KVFOLD_UNROLL
    for (int s = 0; s < streams; s++) {
      const uint8_t* at = from[s] + entry / together * bytes;
#pragma GCC unroll 4
      for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(at + line, 0, 2);
    }
  }
};

}  // namespace kvfold::KVFOLD_ISA
