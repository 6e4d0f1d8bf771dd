// Prefill: many queries over a block of entries. Queries lie in columns, so that a vector holds one number of as many
// queries: scores need no sums over lanes, and the softmax of a query runs down its column.
#include "attention-block-tiles.h"
#include "attention-parts.h"

namespace kvfold::KVFOLD_ISA {
namespace {

/** Queries that go through a block together: theirs and its numbers stay in the nearest caches. */
constexpr int64_t rowsTogether = 64;
constexpr int tileEntries = 4;
constexpr int tileRows = 4;
#if defined(__AVX512F__)
constexpr int tileVectors = 4;
#else
constexpr int tileVectors = 2;
#endif

/** Scores of `tileEntries` entries (from `e`) for `vectors` vectors of queries (from `row`). */
template <int vectors>
KVFOLD_INLINE void scoreTile(const BlockTask& task, int64_t e, int64_t row) {
  const int64_t stride = 2 * task.dims;
  const float* keys[tileEntries];
  KVFOLD_UNROLL
  for (int i = 0; i < tileEntries; i++) keys[i] = task.entries + (e + i < task.count ? e + i : task.count - 1) * stride;
  F sums[tileEntries][vectors];
  KVFOLD_UNROLL
  for (int i = 0; i < tileEntries; i++) {
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) sums[i][v] = all(0);
  }
  const float* q = task.q + row;
  for (int64_t d = 0; d < task.dims; d++, q += task.rowStride) {
    F queries[vectors];
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) queries[v] = load(q + v * width);
    KVFOLD_UNROLL
    for (int i = 0; i < tileEntries; i++) {
      const F key = all(keys[i][d]);
      KVFOLD_UNROLL
      for (int v = 0; v < vectors; v++) sums[i][v] = fma(key, queries[v], sums[i][v]);
    }
  }
  KVFOLD_UNROLL
  for (int i = 0; i < tileEntries; i++) {
    if (e + i >= task.count) break;
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) store(task.weights + (e + i) * task.rowStride + row + v * width, sums[i][v]);
  }
}

/** First row, at a vector's start, that sees any entry of the block. */
int64_t firstSeeingRow(const BlockTask& task) {
  int64_t row = task.rows;
  for (int64_t e = 0; e < task.count; e++) row = task.first[e] < row ? task.first[e] : row;
  return row / 16 * 16;
}

/** Scores of all entries for the rows `[begin, end)`. */
void blockScores(const BlockTask& task, int64_t begin, int64_t end) {
  for (int64_t e = 0; e < task.count; e += tileEntries) {
    int64_t row = begin;
    for (; row + tileVectors * width <= end; row += tileVectors * width) scoreTile<tileVectors>(task, e, row);
    for (; row < end; row += width) scoreTile<1>(task, e, row);
  }
}

/** Hides those scores that a query may not see. */
void hideScores(const BlockTask& task, int64_t begin, int64_t end) {
  for (int64_t e = 0; e < task.count; e++) {
    float* row = task.weights + e * task.rowStride;
    for (int64_t r = begin; r < task.first[e] && r < end; r++) row[r] = hiddenScore;
    for (int64_t r = task.last[e] > begin ? task.last[e] : begin; r < end; r++) row[r] = hiddenScore;
  }
}

/** From scores to weights relative to the largest so far, and the factors of the sums so far. */
void blockWeights(const BlockTask& task, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row += width) {
    float* column = task.weights + row;
    const F before = load(task.peak + row);
    F top = before;
    for (int64_t e = 0; e < task.count; e++) top = max(top, load(column + e * task.rowStride));
    const F correction = expNegative(sub(before, top));
    F total = mul(load(task.total + row), correction);
    for (int64_t e = 0; e < task.count; e++) {
      const F weight = expNegative(sub(load(column + e * task.rowStride), top));
      store(column + e * task.rowStride, weight);
      total = add(total, weight);
    }
    store(task.peak + row, top);
    store(task.total + row, total);
    store(task.correction + row, correction);
  }
}

/** Adds the weighted values to `vectors` vectors of the sums of `tileRows` queries. */
template <int vectors>
KVFOLD_INLINE void valueTile(const BlockTask& task, int64_t row, int64_t d) {
  F acc[tileRows][vectors];
  KVFOLD_UNROLL
  for (int r = 0; r < tileRows; r++) {
    const F correction = all(task.correction[row + r]);
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) acc[r][v] = mul(load(task.sums + (row + r) * task.dims + d + v * width), correction);
  }
  const float* value = task.entries + task.dims + d;
  const float* weights = task.weights + row;
  for (int64_t e = 0; e < task.count; e++, value += 2 * task.dims, weights += task.rowStride) {
    F values[vectors];
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) values[v] = load(value + v * width);
    KVFOLD_UNROLL
    for (int r = 0; r < tileRows; r++) {
      const F weight = all(weights[r]);
      KVFOLD_UNROLL
      for (int v = 0; v < vectors; v++) acc[r][v] = fma(weight, values[v], acc[r][v]);
    }
  }
  KVFOLD_UNROLL
  for (int r = 0; r < tileRows; r++) {
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) store(task.sums + (row + r) * task.dims + d + v * width, acc[r][v]);
  }
}

}  // namespace

namespace {

void blockValues(const BlockTask& task, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row += tileRows) {
    int64_t d = 0;
    for (; d + tileVectors * width <= task.dims; d += tileVectors * width) valueTile<tileVectors>(task, row, d);
    for (; d < task.dims; d += width) valueTile<1>(task, row, d);
  }
}

/** Calls `work(begin, end)` for the rows from `begin` on, some together. */
template <class Work>
void someRows(const BlockTask& task, int64_t begin, Work&& work) {
  for (; begin < task.rows; begin += rowsTogether) work(begin, begin + rowsTogether < task.rows ? begin + rowsTogether : task.rows);
}

}  // namespace

void attendBlock(const BlockTask& task) {
  const int64_t first = firstSeeingRow(task);
  if (first >= task.rows) return;
#if defined(__AMX_BF16__)
  BlockTiles tiles(task);
  if (tiles.pack()) {
    const TilesInUse use;
    return someRows(task, first, [&](int64_t begin, int64_t end) {
      tiles.scores(begin, end);
      hideScores(task, begin, end);
      blockWeights(task, begin, end);
      tiles.values(begin, end);
    });
  }
#endif
  someRows(task, first, [&](int64_t begin, int64_t end) {
    blockScores(task, begin, end);
    hideScores(task, begin, end);
    blockWeights(task, begin, end);
    blockValues(task, begin, end);
  });
}

void massOfBlock(const BlockTask& task, int64_t fromRow, int64_t toRow, float* mass) {
  const int64_t begin = firstSeeingRow(task);
  if (begin >= task.rows) return;
#if defined(__AMX_BF16__)
  BlockTiles tiles(task);
  if (tiles.pack()) {
    const TilesInUse use;
    tiles.scores(begin, task.rows);
  } else {
    blockScores(task, begin, task.rows);
  }
#else
  blockScores(task, begin, task.rows);
#endif
  hideScores(task, begin, task.rows);
  for (int64_t e = 0; e < task.count; e++) {
    F added = all(0);
    float* row = task.weights + e * task.rowStride;
    // queries that are not counted weigh nothing
    for (int64_t r = begin; r < fromRow; r++) row[r] = hiddenScore;
    for (int64_t r = toRow > begin ? toRow : begin; r < task.rows; r++) row[r] = hiddenScore;
    for (int64_t r = begin; r < task.rows; r += width) {
      const F weight = expNegative(sub(load(row + r), load(task.peak + r)));
      // a query that sees anything has a total of at least 1, a query that sees nothing has weights of 0
      added = add(added, div(weight, max(load(task.total + r), all(1e-30f))));
    }
    mass[e] += sum(added);
  }
}

}  // namespace kvfold::KVFOLD_ISA
