// Drawing the next token of each row from its logits, on the device.
#pragma once
#include <cstdint>

namespace kvfold {

/** How a row draws; as `SamplingOptions` of the models package, `topK` 0: all. */
struct SamplingRow {
  float temperature;
  float topP;
  float minP;
  float repetitionPenalty;
  int32_t topK;
  uint32_t random;  // state of the row's random numbers, advanced by each draw: at first the seed
};

constexpr unsigned sampleThreads = 1024;
/** Bins of a pass of the search: 11 bits of the key. */
constexpr int32_t sampleBins = 2048;
/** Dynamic shared memory: a weight and a count for each bin. */
constexpr uint32_t sampleSharedBytes = sampleBins * 12;

/**
 * `kvfold_sample`. Grid: rows, block `sampleThreads`, shared `sampleSharedBytes`. Weights are whole numbers of 2^-40, so that
 * their sums, and the draw, do not depend on the order of the threads.
 */
struct SampleArgs {
  uint64_t logits;   // float32 [rows, vocab]
  uint64_t options;  // SamplingRow [rows]
  uint64_t seen;     // uint32 [rows, ceil(vocab / 32)], bits of the tokens of the text, the drawn one is added; 0: no penalty
  uint64_t tokens;   // int32 [rows], written; -1: the logits hold NaN or +infinity
  int32_t vocab;
};

}  // namespace kvfold
