// Slices by their ids, and sums of slices by id.
#pragma once
#include <cstdint>

namespace kvfold {

/**
 * x [batch, outer, size, slice] and ids [batch, count] to out [batch, outer, count, slice]; elements of 1 or 4 bytes. Ids
 * outside of [0, size) give zeros.
 */
struct GatherArgs {
  uint64_t x;
  uint64_t ids;
  uint64_t out;
  uint64_t batch;
  uint64_t outer;
  uint64_t size;
  uint64_t count;
  uint64_t slice;
  int32_t elementBytes;
  int32_t unused;
};

/** x [count, slice] and ids [count] to out [segments, slice]: the sum, in order, of the slices with each id. */
struct SegmentSumArgs {
  uint64_t x;
  uint64_t ids;
  uint64_t out;
  uint64_t count;
  uint64_t segments;
  uint64_t slice;
};

/** ids [n] to out [n, depth]: `on` at the id and `off` elsewhere; words of float32 or int32. */
struct OneHotArgs {
  uint64_t ids;
  uint64_t out;
  uint64_t n;
  uint64_t depth;
  int32_t on;
  int32_t off;
};

}  // namespace kvfold
