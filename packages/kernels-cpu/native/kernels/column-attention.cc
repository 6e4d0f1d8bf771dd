#include "column-attention.h"

#include <cmath>

#include "column-block.h"

namespace kvfold::KVFOLD_ISA {

// column-attention-gradient.cc
void pullColumns(const ColumnTask& task, const ColumnPull& pull, float* memory);

namespace {

/** The softmax of a block's queries, under way. */
struct Running {
  float peak[columnBlock];
  float total[columnBlock];
  float correction[columnBlock];
};

/** Scores of `count` keys to weights relative to the largest so far. */
void toWeights(int64_t columns, int64_t lastKey, int64_t count, float* rows, Running& running) {
  for (int64_t c = 0; c < columns; c += width) {
    // keys further on are hidden from these queries, and from the strips of queries that they share
    const int64_t seen = between(lastKey + c + width + stripRows - 1, 0, count);
    float* column = rows + c;
    const F before = load(running.peak + c);
    F top = before;
    for (int64_t e = 0; e < seen; e++) top = max(top, load(column + e * columnBlock));
    const F correction = expNegative(sub(before, top));
    F total = mul(load(running.total + c), correction);
    for (int64_t e = 0; e < seen; e++) {
      const F weight = expNegative(sub(load(column + e * columnBlock), top));
      store(column + e * columnBlock, weight);
      total = add(total, weight);
    }
    store(running.peak + c, top);
    store(running.total + c, total);
    store(running.correction + c, correction);
  }
}

void attend(const ColumnTask& task, float* out, float* lse, float* memory) {
  float* const q = memory;
  float* const weights = q + columnBlock * task.headDim;
  const int64_t columns = paddedColumns(task), end = task.first + task.count;
  toColumns(task, task.q, task.scale, q);
  Running running;
  fillRow(running.peak, 0, columns, noPeak);
  fillRow(running.total, 0, columns, 0);
  From from = From::zero;
  for (int64_t block = firstKey(task); block < end; block += columnBlock) {
    const int64_t count = end - block < columnBlock ? end - block : columnBlock;
    for (int64_t e = 0; e < count; e += stripRows) {
      const int64_t keys = count - e < stripRows ? count - e : stripRows;
      const Seen seen = seenOfStrip(task, block + e, keys);
      float* const rows = weights + e * columnBlock;
      stripScores(task, q, block + e, keys, seen.begin, seen.end, rows);
      for (int64_t r = 0; r < keys; r++) {
        fillRow(rows + r * columnBlock, 0, seen.begin, hiddenScore);
        fillRow(rows + r * columnBlock, seen.end, columns, hiddenScore);
      }
    }
    toWeights(columns, task.first - block, count, weights, running);
    for (int64_t i = 0; i < task.count; i += stripRows) {
      const int64_t rows = task.count - i < stripRows ? task.count - i : stripRows;
      const int64_t depth = between(task.first + i + rows - block, 0, count);
      multiply<true>({weights + i, columnBlock, task.v + block * task.headDim, task.headDim, out + i * task.headDim, task.headDim,
                      depth, from, running.correction + i},
                     rows, task.headDim);
    }
    from = From::scaled;
  }
  for (int64_t i = 0; i < task.count; i++) {
    const float total = running.total[i], share = total == 0 ? 0 : 1 / total;
    lse[i] = total == 0 ? noPeak : running.peak[i] + logf(total);
    float* row = out + i * task.headDim;
    // without a key nothing was written
    for (int64_t d = 0; d < task.headDim; d++) row[d] = share == 0 ? 0 : row[d] * share;
  }
}

}  // namespace

extern const ColumnAttentionKernels columnAttentionKernels;
const ColumnAttentionKernels columnAttentionKernels = {attend, pullColumns};

}  // namespace kvfold::KVFOLD_ISA
