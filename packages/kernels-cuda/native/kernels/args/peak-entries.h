// The most entries that lanes ever held.
#pragma once
#include <cstdint>

namespace kvfold {

/** `kvfold_peak_entries`: one block of 256 raises `peak` to the sum of the lengths. */
struct PeakEntriesArgs {
  uint64_t lengths;  // int32 [lanes]
  uint64_t peak;     // uint64
  int32_t lanes;
};

}  // namespace kvfold
