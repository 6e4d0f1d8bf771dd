// What column attention and its gradient share: which queries see which keys, and the scores of a few keys.
#pragma once
#include "attention.h"
#include "column-attention.h"
#include "column-product.h"
#include "simd-exp.h"
#include "simd-transpose.h"

namespace kvfold::KVFOLD_ISA {

KVFOLD_INLINE int64_t between(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

/** Columns of a block, padded to whole vectors. */
KVFOLD_INLINE int64_t paddedColumns(const ColumnTask& task) { return (task.count + width - 1) / width * width; }

/** First key that any query of the block may see; it sees none from its own end on. */
KVFOLD_INLINE int64_t firstKey(const ColumnTask& task) {
  int64_t low = 0, high = task.first + task.count;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (task.until[middle] <= task.first) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Columns of the queries that see a key, and from where on its bias counts. */
struct Seen {
  int64_t begin, end, biased;
};

KVFOLD_INLINE Seen seenOf(const ColumnTask& task, int64_t key) {
  Seen seen;
  seen.begin = between(key - task.first, 0, task.count);
  seen.end = between(task.until[key] - task.first, seen.begin, task.count);
  seen.biased = task.bias == nullptr ? seen.end : between(key + 1 + task.biasDelay - task.first, seen.begin, seen.end);
  return seen;
}

/** Whole vectors of columns outside of which no key of `[key, key + count)` is seen. */
KVFOLD_INLINE Seen seenOfStrip(const ColumnTask& task, int64_t key, int64_t count) {
  Seen seen = seenOf(task, key);
  const int64_t last = between(task.until[key + count - 1] - task.first, seen.begin, task.count);
  seen.begin = seen.begin / width * width;
  seen.end = (last + width - 1) / width * width;
  return seen;
}

/** True when every query of `[begin, end)` sees the key, with its bias or without any. */
KVFOLD_INLINE bool allSee(const ColumnTask& task, const Seen& own, int64_t begin, int64_t end) {
  const int64_t last = end < task.count ? end : task.count;
  return own.begin <= begin && own.end >= last && (task.bias == nullptr || own.biased <= begin);
}

/**
 * Scores of at most `stripRows` keys for the columns `[begin, end)`, both whole vectors, into `rows` of `columnBlock` numbers,
 * those hidden that are not seen. `q` is `[headDim, columnBlock]`, times the scale.
 */
KVFOLD_INLINE void stripScores(const ColumnTask& task, const float* q, int64_t key, int64_t count, int64_t begin, int64_t end,
                               float* rows) {
  float starts[stripRows];
  Seen seen[stripRows];
  bool plain[stripRows];
  for (int64_t r = 0; r < count; r++) {
    seen[r] = seenOf(task, key + r);
    plain[r] = allSee(task, seen[r], begin, end);
    starts[r] = plain[r] && task.bias != nullptr ? task.bias[key + r] : 0;
  }
  multiply<false>({task.k + key * task.headDim, task.headDim, q + begin, columnBlock, rows + begin, columnBlock, task.headDim,
                   From::rows, starts},
                  count, end - begin);
  for (int64_t r = 0; r < count; r++) {
    if (plain[r]) continue;
    float* row = rows + r * columnBlock;
    for (int64_t c = begin; c < seen[r].begin; c++) row[c] = hiddenScore;
    for (int64_t c = seen[r].end; c < end; c++) row[c] = hiddenScore;
    const float bias = seen[r].biased < seen[r].end ? task.bias[key + r] : 0;
    for (int64_t c = seen[r].biased; c < seen[r].end; c++) row[c] += bias;
  }
}

KVFOLD_INLINE void fillRow(float* row, int64_t begin, int64_t end, float value) {
  for (int64_t c = begin; c < end; c++) row[c] = value;
}

/** The queries of a block or their gradients as columns, times a factor; columns of a last vector that are no query are 0. */
KVFOLD_INLINE void toColumns(const ColumnTask& task, const float* from, float factor, float* columns) {
  const int64_t padded = paddedColumns(task);
  transposeTimes(from, task.headDim, task.count, task.headDim, factor, columns, columnBlock);
  if (padded == task.count) return;
  for (int64_t d = 0; d < task.headDim; d++) fillRow(columns + d * columnBlock, task.count, padded, 0);
}

}  // namespace kvfold::KVFOLD_ISA
