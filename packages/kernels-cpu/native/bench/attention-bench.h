// Attention over the paged store, in the shape of SmolLM2-135M: 3 KV heads of 64, groups of 3.
#pragma once
#include <cstdint>

#include "../system/cpu-features.h"
#include "read-ceiling.h"

namespace kvfold::bench {

/** Decoding over caches of `bytes` in all, for every codec, some depths and page sizes, against a read ceiling. */
void measureDecoding(InstructionSet set, int64_t bytes, const char* detail, const ReadCeiling& ceiling);

/**
 * Steps of a model of 30 layers: a token's write and its attention, with all entries kept or merged by 8, against a read
 * ceiling in GB/s.
 */
void measureSteps(InstructionSet set, double ceiling);

/** A prompt of 512 tokens in one chunk, against a peak in GFLOP/s. */
void measurePrefill(InstructionSet set, double peak);

/** Writing a token with merging, against appending it. */
void measureWrites(InstructionSet set);

}  // namespace kvfold::bench
