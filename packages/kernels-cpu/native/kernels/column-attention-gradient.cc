// With p the probabilities of a query and g the gradient of its output o: dv += p g, ds = p (g v - g o), and from ds the rest.
#include "column-block.h"

namespace kvfold::KVFOLD_ISA {
namespace {

/** A block's memory. */
struct Work {
  /** Queries times the scale, and gradients of the output, in columns. */
  float* q;
  float* dOut;
  /** Gradients of the scores, `columnBlock` rows. */
  float* dScores;
  /** Probabilities of a strip of keys. */
  float* weights;
  float* lse;
  /** g o less the gradient of the log-sum-exp. */
  float* offset;

  Work(const ColumnTask& task, float* memory) {
    q = memory;
    dOut = q + columnBlock * task.headDim;
    dScores = dOut + columnBlock * task.headDim;
    weights = dScores + columnBlock * columnBlock;
    lse = weights + stripRows * columnBlock;
    offset = lse + columnBlock;
  }
};

void prepare(const ColumnTask& task, const ColumnPull& pull, const Work& work) {
  const int64_t padded = paddedColumns(task), dim = task.headDim;
  toColumns(task, task.q, task.scale, work.q);
  toColumns(task, pull.dOut, 1, work.dOut);
  for (int64_t i = 0; i < task.count; i++) {
    F along = all(0);
    for (int64_t d = 0; d < dim; d += width) {
      along = fma(loadUpTo(pull.dOut + i * dim + d, dim - d), loadUpTo(pull.out + i * dim + d, dim - d), along);
    }
    work.offset[i] = sum(along) - (pull.dLse == nullptr ? 0 : pull.dLse[i]);
    work.lse[i] = pull.lse[i];
  }
  // columns that are no query have no weights
  fillRow(work.lse, task.count, padded, -noPeak);
  fillRow(work.offset, task.count, padded, 0);
}

/** One key: scores in `weights` to probabilities, products in `dScores` to gradients of scores times the scale. @returns their sum */
float differentiate(const Work& work, float scale, int64_t begin, int64_t end, float* weights, float* dScores) {
  F total = all(0);
  const F times = all(scale);
  for (int64_t c = begin; c < end; c += width) {
    const F p = expNegative(sub(load(weights + c), load(work.lse + c)));
    const F d = mul(p, sub(load(dScores + c), load(work.offset + c)));
    store(weights + c, p);
    store(dScores + c, mul(d, times));
    total = add(total, d);
  }
  return sum(total);
}

/** As `differentiate`, for a key whose bias counts only from a column on. */
float differentiatePartly(const ColumnTask& task, const Work& work, int64_t biased, int64_t begin, int64_t end, float* weights,
                          float* dScores) {
  differentiate(work, 1, begin, end, weights, dScores);
  float total = 0;
  for (int64_t c = biased; c < task.count && c < end; c++) total += dScores[c];
  for (int64_t c = begin; c < end; c++) dScores[c] *= task.scale;
  return total;
}

void pullStrip(const ColumnTask& task, const ColumnPull& pull, const Work& work, int64_t key, int64_t keys, float* dScores) {
  const int64_t dim = task.headDim;
  const Seen seen = seenOfStrip(task, key, keys);
  const int64_t begin = seen.begin, end = seen.end, columns = paddedColumns(task);
  stripScores(task, work.q, key, keys, begin, end, work.weights);
  multiply<false>({task.v + key * dim, dim, work.dOut + begin, columnBlock, dScores + begin, columnBlock, dim, From::zero, nullptr},
                  keys, end - begin);
  for (int64_t r = 0; r < keys; r++) {
    float* const p = work.weights + r * columnBlock;
    float* const d = dScores + r * columnBlock;
    const Seen own = seenOf(task, key + r);
    float total;
    if (own.biased <= begin || task.bias == nullptr) total = differentiate(work, task.scale, begin, end, p, d);
    else total = differentiatePartly(task, work, own.biased, begin, end, p, d);
    if (pull.dBias != nullptr) pull.dBias[key + r] += total;
    fillRow(d, 0, begin, 0);
    fillRow(d, end, columns, 0);
  }
  const int64_t depth = (end < task.count ? end : task.count) - begin;
  multiply<false>({work.weights + begin, columnBlock, pull.dOut + begin * dim, dim, pull.dv + key * dim, dim, depth, From::there,
                   nullptr},
                  keys, dim);
  multiply<false>({dScores + begin, columnBlock, task.q + begin * dim, dim, pull.dk + key * dim, dim, depth, From::there, nullptr},
                  keys, dim);
}

}  // namespace

void pullColumns(const ColumnTask& task, const ColumnPull& pull, float* memory) {
  const Work work(task, memory);
  prepare(task, pull, work);
  const int64_t end = task.first + task.count, dim = task.headDim;
  From from = From::zero;
  for (int64_t i = 0; i < task.count * dim; i++) pull.dq[i] = 0;
  for (int64_t block = firstKey(task); block < end; block += columnBlock) {
    const int64_t count = end - block < columnBlock ? end - block : columnBlock;
    for (int64_t e = 0; e < count; e += stripRows) {
      const int64_t keys = count - e < stripRows ? count - e : stripRows;
      pullStrip(task, pull, work, block + e, keys, work.dScores + e * columnBlock);
    }
    for (int64_t i = 0; i < task.count; i += stripRows) {
      const int64_t rows = task.count - i < stripRows ? task.count - i : stripRows;
      const int64_t depth = between(task.first + i + rows - block, 0, count);
      multiply<true>({work.dScores + i, columnBlock, task.k + block * dim, dim, pull.dq + i * dim, dim, depth, from, nullptr}, rows,
                     dim);
    }
    from = From::there;
  }
}

}  // namespace kvfold::KVFOLD_ISA
