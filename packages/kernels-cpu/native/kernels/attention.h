// The inner loops of attention over pages and over blocks of entries. Both go on with a softmax that is under way: for each
// query the largest score so far (`peak`), the sum of weights relative to it (`total`) and the weighted sum of values.
#pragma once
#include "entry-codec.h"

namespace kvfold {

/** What `peak` is before the first entry; below any score. */
constexpr float noPeak = -3e38f;

/** Score of an entry that a query may not see. */
constexpr float hiddenScore = -__builtin_inff();

/** Entries of one page of a lane: they fill its first slots. */
struct PageSpan {
  uint8_t* data;
  int64_t count;
};

/** Most entries of a page. */
constexpr int64_t mostPageSlots = 64;

/** One query position (`group` heads that share their keys) over pages. */
struct PagesTask {
  /** `[group, dims]`, times the scale of scores. */
  const float* q;
  int64_t group;
  int64_t dims;
  const PageSpan* pages;
  int64_t pageCount;
  /** Pages that are probably worked on next: memory is asked for them while the last ones are. */
  const PageSpan* ahead;
  int64_t aheadCount;
  /** Where a page holds its scales (int8). */
  int64_t scalesOffset;
  /** For each entry 0, or `hiddenScore` in place of its score; null: all are seen. */
  const float* bias;
  /** Takes the scores, `[group]` rows `scoresStride` apart; null: not wanted. */
  float* scores;
  int64_t scoresStride;
  /** `[group]`, `[group]` and `[group, dims]`; gone on with. */
  float* peak;
  float* total;
  float* sums;
};

/** Many queries over one block of entries in float32. */
struct BlockTask {
  /** `[dims, rowStride]`: queries in columns, times the scale of scores. */
  const float* q;
  int64_t rowStride;
  /** Queries, padded to a multiple of 16; rowStride >= rows. */
  int64_t rows;
  int64_t dims;
  /** `[count, 2 * dims]`, key then value. */
  const float* entries;
  int64_t count;
  /** `[count]` each: entry e is seen by the queries `first[e] <= row < last[e]`. */
  const int32_t* first;
  const int32_t* last;
  /** Memory for `[count, rowStride]` and `[rowStride]` floats. */
  float* weights;
  float* correction;
  /** `[rowStride]`, `[rowStride]` and `[rowStride, dims]`; gone on with. */
  float* peak;
  float* total;
  float* sums;
};

/** Most entries of a block. */
constexpr int64_t mostBlockEntries = 64;

/** Floats that a block of a lane gives to be joined: `peak` and `total` `[group]`, `sums` `[group, dims]`. */
inline int64_t partialFloats(int64_t group, int64_t dims) { return group * (dims + 2); }

/** The blocks of one lane, joined in order. */
struct JoinTask {
  /** `[count, partialFloats]` */
  const float* partials;
  int64_t count;
  int64_t group;
  int64_t dims;
  /** Memory for `[dims]`. */
  float* sums;
  /** `[group, headDim]`; 0 for a lane without entries. */
  float* out;
  int64_t headDim;
  /** `[entries]`: gets each entry's share of attention added, mean over the group; null: not wanted. */
  float* mass;
  int64_t entries;
  /** `[group]` rows `scoresStride` apart; not read without `mass`. */
  const float* scores;
  int64_t scoresStride;
};

struct AttentionKernels {
  /** By codec: `count` tasks, of the same shape, of which the results are those of each alone. */
  void (*pages[entryCodecCount])(const PagesTask* tasks, int64_t count);
  void (*block)(const BlockTask& task);
  /**
   * The share of each query's attention that the entries of a block got, once `peak` and `total` are final: adds the sum
   * over the queries `fromRow <= row < toRow` to `mass` `[count]`. `sums` is not used.
   */
  void (*mass)(const BlockTask& task, int64_t fromRow, int64_t toRow, float* mass);
  void (*join)(const JoinTask& task);
  /** Tasks of `pages` that are best given together, far from each other in memory. */
  int64_t tasksTogether;
};

}  // namespace kvfold
