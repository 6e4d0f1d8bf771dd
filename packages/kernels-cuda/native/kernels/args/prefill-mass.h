// The attention that entries got from the last queries of a prompt: what eviction policies choose by.
#pragma once
#include "prefill-attention.h"

namespace kvfold {

/**
 * `kvfold_prefill_mass`, behind prefill attention with lse: the share that the last `queries` real queries of a row gave to
 * each entry, summed over them and averaged over the group. Grid `[ceil(slots / prefillMassEntries), rows * kvHeads]`, block
 * 256. Attention to own states is not reported.
 */
struct PrefillMassArgs {
  PrefillAttentionArgs attention;
  uint64_t mass;    // float32 [rows, kvHeads, slots], written; 0 behind a lane's end
  int32_t slots;
  int32_t queries;
};

/** Entries of a block, four a warp. */
constexpr int32_t prefillMassEntries = 32;

}  // namespace kvfold
