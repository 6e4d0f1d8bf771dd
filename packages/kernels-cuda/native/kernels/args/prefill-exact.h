// Prefill attention whose arithmetic is float32 throughout.
#pragma once
#include "prefill-attention.h"

namespace kvfold {

/**
 * `kvfold_prefill_attention_exact_<dims>`, for entries of every codec: arguments, grid and block of
 * `kvfold_prefill_attention_<codec>_<dims>`, shared memory `prefillExactSharedBytes`.
 */
KVFOLD_ANYWHERE constexpr int32_t prefillExactSharedBytes(int32_t dims) {
  const int32_t rows = prefillRows(dims), entries = prefillEntries(dims);
  // queries, keys and values, weights, and positions, ends and beginnings of what is seen
  return 4 * ((rows + 2 * entries) * (dims + 4) + rows * (entries + 4) + 3 * entries);
}

}  // namespace kvfold
