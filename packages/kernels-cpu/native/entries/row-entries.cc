// Entry points of kernels that work on rows: reductions, softmax, norms, rotary embedding, the optimiser.
#include <cstring>

#include "../elementwise/parallel-work.h"
#include "../entry-point.h"
#include "../napi-args.h"
#include "../system/memory-pool.h"
#include "../system/recorder.h"
#include "../system/runtime.h"

namespace kvfold {
namespace {

/** Nanoseconds for each element: of a sum, of a pass with an exponential, of a kernel that reads and writes several arrays. */
constexpr double sumCost = 0.15, exponentialCost = 0.4, severalCost = 0.5;

/** Of a row of `n` elements. */
double rowCost(double elementCost, int64_t n) { return 5 + elementCost * static_cast<double>(n); }

/** Threads share columns by whole cache lines of each row. */
constexpr int64_t columnMultiple = 64;

/** reduce(op, x, outer, n, inner, out): x is [outer, n, inner], out [outer, inner]; op by its place in Reduction. */
napi_value Reduce(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t op = args.size(0);
  const Span<float> x = args.floats(1);
  const int64_t outer = args.size(2), n = args.size(3), inner = args.size(4);
  const Span<float> out = args.floats(5);
  args.require(op < reductionCount, "there is no such reduction");
  args.require(rowsFit(out.length, outer, inner) && rowsFit(x.length, outer * inner, n), "x or out does not fit its array");
  if (!args.ok()) return nullptr;
  if (inner == 1) {
    const ReduceKernels::Rows run = kernels().reduce->rows[op];
    parallelWork(outer, rowCost(sumCost, n),
                 [&](int64_t begin, int64_t end) { run(x.data + begin * n, end - begin, n, out.data + begin); });
    return nullptr;
  }
  const ReduceKernels::Columns run = kernels().reduce->columns[op];
  // A piece may span several matrices.
  const auto columns = [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end;) {
      const int64_t matrix = at / inner, column = at % inner;
      const int64_t left = inner - column < end - at ? inner - column : end - at;
      run(x.data + matrix * n * inner + column, n, inner, left, out.data + at);
      at += left;
    }
  };
  parallelWork(outer * inner, sumCost * static_cast<double>(n) + 1, columns, columnMultiple);
  return nullptr;
}

/** argBest(largest, x, rows, n, out): places of the largest or smallest element of each row of n. */
napi_value ArgBest(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const bool largest = args.flag(0);
  const Span<float> x = args.floats(1);
  const int64_t rows = args.size(2), n = args.size(3);
  const Span<int32_t> out = args.ints(4);
  args.require(n > 0 && rowsFit(x.length, rows, n) && rows <= out.length, "x or out does not fit its array");
  if (!args.ok()) return nullptr;
  const auto run = largest ? kernels().reduce->argMax : kernels().reduce->argMin;
  parallelWork(rows, rowCost(sumCost, n),
               [&](int64_t begin, int64_t end) { run(x.data + begin * n, end - begin, n, out.data + begin); });
  return nullptr;
}

/** softmax(x, rows, n, out) */
napi_value Softmax(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> x = args.floats(0);
  const int64_t rows = args.size(1), n = args.size(2);
  const Span<float> out = args.floats(3);
  args.require(rowsFit(x.length, rows, n) && rowsFit(out.length, rows, n), "x or out does not fit its array");
  if (!args.ok()) return nullptr;
  parallelWork(rows, rowCost(exponentialCost, n), [&](int64_t begin, int64_t end) {
    kernels().softmax->softmax(x.data + begin * n, end - begin, n, out.data + begin * n);
  });
  return nullptr;
}

/** crossEntropy(logits, labels, weights | undefined, rows, n, out) */
napi_value CrossEntropy(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> logits = args.floats(0);
  const Span<int32_t> labels = args.ints(1);
  const Span<float> weights = args.optionalFloats(2);
  const int64_t rows = args.size(3), n = args.size(4);
  const Span<float> out = args.floats(5);
  args.require(rowsFit(logits.length, rows, n) && rows <= labels.length && rows <= out.length &&
                   (weights.data == nullptr || rows <= weights.length),
               "logits, labels, weights or out does not fit its array");
  if (!args.ok()) return nullptr;
  parallelWork(rows, rowCost(exponentialCost, n), [&](int64_t begin, int64_t end) {
    kernels().softmax->crossEntropy(logits.data + begin * n, labels.data + begin,
                                    weights.data == nullptr ? nullptr : weights.data + begin, end - begin, n,
                                    out.data + begin);
  });
  return nullptr;
}

/** crossEntropyGradient(logits, labels, weights | undefined, dy, rows, n, out) */
napi_value CrossEntropyGradient(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> logits = args.floats(0);
  const Span<int32_t> labels = args.ints(1);
  const Span<float> weights = args.optionalFloats(2), dy = args.floats(3);
  const int64_t rows = args.size(4), n = args.size(5);
  const Span<float> out = args.floats(6);
  args.require(rowsFit(logits.length, rows, n) && rowsFit(out.length, rows, n) && rows <= labels.length && rows <= dy.length &&
                   (weights.data == nullptr || rows <= weights.length),
               "logits, labels, weights, dy or out does not fit its array");
  if (!args.ok()) return nullptr;
  parallelWork(rows, rowCost(exponentialCost, n), [&](int64_t begin, int64_t end) {
    kernels().softmax->crossEntropyGradient(logits.data + begin * n, labels.data + begin,
                                            weights.data == nullptr ? nullptr : weights.data + begin, dy.data + begin,
                                            end - begin, n, out.data + begin * n);
  });
  return nullptr;
}

/** divergence(from, to, rows, n, out) */
napi_value RowDivergence(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> from = args.floats(0), to = args.floats(1);
  const int64_t rows = args.size(2), n = args.size(3);
  const Span<float> out = args.floats(4);
  args.require(rowsFit(from.length, rows, n) && rowsFit(to.length, rows, n) && rows <= out.length,
               "from, to or out does not fit its array");
  if (!args.ok()) return nullptr;
  parallelWork(rows, rowCost(2 * exponentialCost, n), [&](int64_t begin, int64_t end) {
    kernels().softmax->divergence(from.data + begin * n, to.data + begin * n, end - begin, n, out.data + begin);
  });
  return nullptr;
}

/** divergenceGradient(by from, from, to, dy, rows, n, out) */
napi_value DivergenceGradient(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const bool byFirst = args.flag(0);
  const Span<float> from = args.floats(1), to = args.floats(2), dy = args.floats(3);
  const int64_t rows = args.size(4), n = args.size(5);
  const Span<float> out = args.floats(6);
  args.require(rowsFit(from.length, rows, n) && rowsFit(to.length, rows, n) && rowsFit(out.length, rows, n) && rows <= dy.length,
               "from, to, dy or out does not fit its array");
  if (!args.ok()) return nullptr;
  parallelWork(rows, rowCost(4 * exponentialCost, n), [&](int64_t begin, int64_t end) {
    kernels().softmax->divergenceGradient(byFirst, from.data + begin * n, to.data + begin * n, dy.data + begin, end - begin, n,
                                          out.data + begin * n);
  });
  return nullptr;
}

/** rmsNorm(x, weight, offset, epsilon, rows, y) */
napi_value RmsNorm(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> x = args.floats(0), weight = args.floats(1);
  const float offset = static_cast<float>(args.number(2)), epsilon = static_cast<float>(args.number(3));
  const int64_t rows = args.size(4);
  const Span<float> y = args.floats(5);
  const int64_t n = weight.length;
  args.require(rowsFit(x.length, rows, n) && rowsFit(y.length, rows, n), "x or y does not fit its array");
  if (!args.ok()) return nullptr;
  perform([=] {
    parallelWork(rows, rowCost(severalCost, n), [&](int64_t begin, int64_t end) {
      kernels().norm->rmsNorm(x.data + begin * n, weight.data, offset, epsilon, end - begin, n, y.data + begin * n);
    });
    return true;
  });
  return nullptr;
}

/** rmsNormGradient(x, weight, offset, epsilon, dy, rows, dx, dWeight) */
napi_value RmsNormGradient(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> x = args.floats(0), weight = args.floats(1);
  const float offset = static_cast<float>(args.number(2)), epsilon = static_cast<float>(args.number(3));
  const Span<float> dy = args.floats(4);
  const int64_t rows = args.size(5);
  const Span<float> dx = args.floats(6), dWeight = args.floats(7);
  const int64_t n = weight.length;
  args.require(rowsFit(x.length, rows, n) && rowsFit(dy.length, rows, n) && rowsFit(dx.length, rows, n) && n <= dWeight.length,
               "x, dy, dx or dWeight does not fit its array");
  if (!args.ok()) return nullptr;
  const Scratch scales(rows * static_cast<int64_t>(sizeof(float)));
  args.require(scales.ok(), "out of memory");
  if (!args.ok()) return nullptr;
  parallelWork(rows, rowCost(severalCost, n), [&](int64_t begin, int64_t end) {
    kernels().norm->rmsNormGradient(x.data + begin * n, weight.data, offset, epsilon, dy.data + begin * n, end - begin, n,
                                    dx.data + begin * n, scales.as<float>() + begin);
  });
  const auto columns = [&](int64_t begin, int64_t end) {
    kernels().norm->weightGradient(x.data, dy.data, scales.as<float>(), rows, n, begin, end, dWeight.data);
  };
  parallelWork(n, severalCost * static_cast<double>(rows) + 1, columns, columnMultiple);
  return nullptr;
}

/**
 * rope(x, cos, sin, batch, heads, tokens, dim, half, batchStep, y): x and y are [batch, heads, tokens, dim], cos and
 * sin [tokens, half] for each batch, batchStep apart (0 to share them).
 */
napi_value Rope(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> x = args.floats(0), cos = args.floats(1), sin = args.floats(2);
  const int64_t batch = args.size(3), heads = args.size(4), tokens = args.size(5), dim = args.size(6), half = args.size(7);
  const int64_t batchStep = args.size(8);
  const Span<float> y = args.floats(9);
  args.require(rowsFit(x.length, batch, heads) && rowsFit(x.length, batch * heads, tokens) &&
                   rowsFit(x.length, batch * heads * tokens, dim) && y.length >= x.length,
               "x or y does not fit its array");
  if (!args.ok() || x.length == 0) return nullptr;
  args.require(half <= dim / 2 && rowsFit(cos.length, tokens, half) && rowsFit(sin.length, tokens, half) &&
                   batchStep <= (cos.length - tokens * half) / (batch > 1 ? batch - 1 : 1) &&
                   batchStep <= (sin.length - tokens * half) / (batch > 1 ? batch - 1 : 1),
               "cos or sin does not fit its array");
  if (!args.ok()) return nullptr;
  parallelWork(batch * heads * tokens, rowCost(severalCost, dim), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t angle = row / (heads * tokens) * batchStep + row % tokens * half;
      kernels().rows->rotate(x.data + row * dim, cos.data + angle, sin.data + angle, half, dim,
                             y.data + row * dim);
    }
  });
  return nullptr;
}

/** adamW(param, grad, m, v, nextParam, nextM, nextV, learningRate, beta1, beta2, epsilon, weightDecay, step) */
napi_value AdamW(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> param = args.floats(0), grad = args.floats(1), m = args.floats(2), v = args.floats(3);
  const Span<float> nextParam = args.floats(4), nextM = args.floats(5), nextV = args.floats(6);
  const double learningRate = args.number(7), beta1 = args.number(8), beta2 = args.number(9), epsilon = args.number(10);
  const double weightDecay = args.number(11), count = args.number(12);
  const int64_t n = param.length;
  args.require(grad.length >= n && m.length >= n && v.length >= n && nextParam.length >= n && nextM.length >= n &&
                   nextV.length >= n,
               "all arrays must be as long as param");
  if (!args.ok()) return nullptr;
  const AdamWStep step = {static_cast<float>(beta1),
                          static_cast<float>(beta2),
                          static_cast<float>(epsilon),
                          static_cast<float>(1 - beta1),
                          static_cast<float>(1 - beta2),
                          static_cast<float>(learningRate / (1 - __builtin_pow(beta1, count))),
                          static_cast<float>(1 / (1 - __builtin_pow(beta2, count))),
                          static_cast<float>(1 - learningRate * weightDecay)};
  parallelWork(n, severalCost, [&](int64_t begin, int64_t end) {
    kernels().rows->adamW(step, param.data + begin, grad.data + begin, m.data + begin, v.data + begin, nextParam.data + begin,
                          nextM.data + begin, nextV.data + begin, end - begin);
  });
  return nullptr;
}

/**
 * scatterAddRows(rows, ids, dim, size, out): out [size, dim] becomes the sums of the rows of each id, in the order of the
 * rows; ids outside [0, size) are passed over.
 */
napi_value ScatterAddRows(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> rows = args.floats(0);
  const Span<int32_t> ids = args.ints(1);
  const int64_t dim = args.size(2), size = args.size(3);
  const Span<float> out = args.floats(4);
  args.require(rowsFit(rows.length, ids.length, dim) && rowsFit(out.length, size, dim), "rows or out does not fit its array");
  if (!args.ok()) return nullptr;
  memset(out.data, 0, static_cast<size_t>(size * dim) * sizeof(float));
  // Threads share the columns: each adds all rows, so that the order of the sums is always the same.
  const auto columns = [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < ids.length; i++) {
      const int32_t id = ids.data[i];
      if (id >= 0 && id < size) kernels().rows->addTo(out.data + id * dim + begin, rows.data + i * dim + begin, end - begin);
    }
  };
  parallelWork(dim, severalCost * static_cast<double>(ids.length) + 1, columns, columnMultiple);
  return nullptr;
}

const EntryPoint entries[] = {
    {"reduce", Reduce},
    {"argBest", ArgBest},
    {"softmax", Softmax},
    {"crossEntropy", CrossEntropy},
    {"crossEntropyGradient", CrossEntropyGradient},
    {"divergence", RowDivergence},
    {"divergenceGradient", DivergenceGradient},
    {"rmsNorm", RmsNorm},
    {"rmsNormGradient", RmsNormGradient},
    {"rope", Rope},
    {"adamW", AdamW},
    {"scatterAddRows", ScatterAddRows},
};

}  // namespace

extern const EntryTable rowEntries;
const EntryTable rowEntries = entryTable(entries);

}  // namespace kvfold
