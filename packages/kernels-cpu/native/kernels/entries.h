// Work on single entries: rotating, coding, averaging. An entry in float32 is key then value, `2 * dims` floats.
#pragma once
#include "entry-codec.h"

namespace kvfold {

struct EntryKernels {
  /**
   * Blanks a channel, turns by `half` pairs (channel i with i + half), blanks again: a head's vector of `headDim` floats
   * into `dims` floats, zeros behind its end. `cos` null: no rotation. `blank` below 0: no channel. `out` may be `x`.
   */
  void (*turn)(const float* x, const float* cos, const float* sin, int64_t half, int64_t headDim, int64_t dims,
               int64_t blank, float* out);

  /** By codec: float32 to the stored form; `scales` (key, value) is written for int8. */
  void (*encode[entryCodecCount])(const float* entry, int64_t dims, uint8_t* slot, float* scales);

  /** By codec: the stored form to float32. */
  void (*decode[entryCodecCount])(const uint8_t* slot, const float* scales, int64_t dims, float* entry);

  /**
   * Weighted average of entries: `rows` holds `window` weighted entries, `weights` their weights; takes `count` of them,
   * backwards from `newest`, around the ring's end.
   */
  void (*average)(const float* rows, const float* weights, int64_t window, int64_t newest, int64_t count, int64_t dims,
                  float* out);
};

}  // namespace kvfold
