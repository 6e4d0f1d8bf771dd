// Attention of training and its gradient against plain sums in double precision.
#include "../training/column-attention.h"

#include <cmath>
#include <cstdlib>
#include <initializer_list>

#include "../system/runtime.h"
#include "check.h"
#include "threads.h"

namespace kvfold::test {
namespace {

struct Shape {
  int64_t rows, kvHeads, group, tokens, headDim, window, biasDelay;
  bool bias, documents;
};

/** Largest difference relative to 1 + the number. */
double apart(const Exactly<float>& found, const double* exact) {
  double worst = 0;
  for (int64_t i = 0; i < found.count(); i++) {
    const double difference = fabs(static_cast<double>(found[i]) - exact[i]) / (1 + fabs(exact[i]));
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

struct Case {
  explicit Case(const Shape& s)
      : shape(s), heads(s.rows * s.kvHeads * s.group), lanes(s.rows * s.kvHeads), q(heads * s.tokens * s.headDim),
        k(lanes * s.tokens * s.headDim), v(k.count()), bias(lanes * s.tokens), starts(s.rows * s.tokens), dOut(q.count()),
        dLse(heads * s.tokens), out(q.count()), lse(dLse.count()), dq(q.count()), dk(k.count()), dv(k.count()), dBias(bias.count()) {
    Numbers numbers(static_cast<uint64_t>(s.tokens * 31 + s.headDim));
    for (const Exactly<float>* array : {&q, &k, &v, &bias, &dOut, &dLse}) numbers.fill(*array);
    for (int64_t i = 0; i < bias.count(); i += 3) bias[i] = i % 2 == 0 ? -50000.0f : -INFINITY;
    for (int64_t i = 0; i < starts.count(); i++) starts[i] = static_cast<int32_t>(i % s.tokens / 7 * 7);
  }

  ColumnAttention call() const {
    return {q.data(), k.data(), v.data(), shape.bias ? bias.data() : nullptr, shape.documents ? starts.data() : nullptr, shape.rows,
            shape.kvHeads, shape.group, shape.tokens, shape.headDim, scale, shape.window, shape.biasDelay};
  }

  bool run() const {
    return columnAttention(call(), out.data(), lse.data()) &&
           columnAttentionGradient(call(), {out.data(), lse.data(), dOut.data(), dLse.data(), dq.data(), dk.data(), dv.data(),
                                            shape.bias ? dBias.data() : nullptr});
  }

  double dot(const float* a, const float* b) const {
    double sum = 0;
    for (int64_t d = 0; d < shape.headDim; d++) sum += static_cast<double>(a[d]) * static_cast<double>(b[d]);
    return sum;
  }

  /** Worst difference of all results from plain sums. */
  double error() const {
    double* const exact = static_cast<double*>(calloc(static_cast<size_t>(2 * q.count() + lse.count() + 2 * k.count() + bias.count()), 8));
    double* const exactLse = exact + q.count();
    double* const exactQ = exactLse + lse.count();
    double* const exactK = exactQ + q.count();
    double* const exactV = exactK + k.count();
    double* const exactBias = exactV + k.count();
    const int64_t dim = shape.headDim;
    double p[1024];
    for (int64_t query = 0; query < heads * shape.tokens; query++) {
      const int64_t i = query % shape.tokens, lane = query / shape.tokens / shape.group, row = lane / shape.kvHeads;
      double total = 0;
      for (int64_t j = 0; j <= i; j++) {
        const bool seen = i - j < shape.window && (!shape.documents || j >= starts[row * shape.tokens + i]);
        const int64_t key = lane * shape.tokens + j;
        double score = static_cast<double>(scale) * dot(q.data() + query * dim, k.data() + key * dim);
        if (shape.bias && i - j > shape.biasDelay) score += static_cast<double>(bias[key]);
        total += p[j] = seen ? exp(score) : 0;
      }
      exactLse[query] = log(total);
      double along = static_cast<double>(-dLse[query]);
      for (int64_t j = 0; j <= i; j++) {
        const int64_t key = lane * shape.tokens + j;
        p[j] /= total;
        for (int64_t d = 0; d < dim; d++) exact[query * dim + d] += p[j] * static_cast<double>(v[key * dim + d]);
        along += p[j] * dot(dOut.data() + query * dim, v.data() + key * dim);
      }
      for (int64_t j = 0; j <= i; j++) {
        const int64_t key = lane * shape.tokens + j;
        const double ds = p[j] * (dot(dOut.data() + query * dim, v.data() + key * dim) - along);
        if (i - j > shape.biasDelay) exactBias[key] += ds;
        for (int64_t d = 0; d < dim; d++) {
          exactQ[query * dim + d] += ds * static_cast<double>(scale) * static_cast<double>(k[key * dim + d]);
          exactK[key * dim + d] += ds * static_cast<double>(scale) * static_cast<double>(q[query * dim + d]);
          exactV[key * dim + d] += p[j] * static_cast<double>(dOut[query * dim + d]);
        }
      }
    }
    double worst = 0;
    const auto count = [&](const Exactly<float>& found, const double* wanted) {
      const double difference = apart(found, wanted);
      if (!(difference <= worst)) worst = difference;
    };
    count(out, exact);
    count(lse, exactLse);
    count(dq, exactQ);
    count(dk, exactK);
    count(dv, exactV);
    if (shape.bias) count(dBias, exactBias);
    free(exact);
    return worst;
  }

  Shape shape;
  int64_t heads, lanes;
  const float scale = 0.7f;
  Exactly<float> q, k, v, bias;
  Exactly<int32_t> starts;
  Exactly<float> dOut, dLse, out, lse, dq, dk, dv, dBias;
};

/** Same bits with any number of threads. */
void testThreadsAgree(const Shape& shape) {
  const Case one(shape), many(shape);
  runWithThreads(one, 1);
  runWithThreads(many, 4);
  const bool equal = sameBits(one.out, many.out) && sameBits(one.lse, many.lse) &&
                     sameBits(one.dq, many.dq) && sameBits(one.dk, many.dk) &&
                     sameBits(one.dv, many.dv) && sameBits(one.dBias, many.dBias);
  check(equal, "attention and its gradient do not depend on the threads");
}

/** Columns almost hidden give gradients below 1.2e-38: they are 0, and the caller's arithmetic keeps such numbers. */
void testSubnormals(const Shape& shape) {
  Case test(shape);
  for (int64_t i = 0; i < test.bias.count(); i++) test.bias[i] = -80.0f - static_cast<float>(i % 8);
  check(test.run(), "there is memory");
  int64_t subnormal = 0, zero = 0;
  for (int64_t i = 0; i < test.dBias.count(); i++) {
    if (std::fpclassify(test.dBias[i]) == FP_SUBNORMAL) subnormal++;
    if (test.dBias[i] == 0) zero++;
  }
  check(subnormal == 0 && zero > 1, "gradients of hidden columns are flushed: %d are not, %d are 0", static_cast<int>(subnormal),
        static_cast<int>(zero));
  volatile float tiny = 1.2e-38f;
  tiny = tiny / 4;
  check(std::fpclassify(tiny) == FP_SUBNORMAL, "subnormal numbers are back afterwards");
}

}  // namespace

void testColumnAttention() {
  constexpr int64_t none = int64_t{1} << 40;
  const Shape shapes[] = {
      {1, 1, 1, 1, 4, none, 0, true, false},     {2, 2, 2, 5, 6, none, 0, true, false},    {1, 2, 1, 96, 32, none, 0, true, false},
      {1, 1, 3, 97, 64, none, 0, true, true},    {1, 1, 1, 130, 33, 40, 3, true, false},   {2, 1, 1, 211, 16, none, 16, true, true},
      {1, 1, 2, 203, 128, none, 0, false, false}, {1, 2, 1, 250, 20, 1, 0, false, false},   {1, 1, 1, 300, 8, 150, 0, true, false},
  };
  for (const Shape& shape : shapes) {
    const Case test(shape);
    check(test.run(), "there is memory");
    const double error = test.error();
    check(error < 2e-5, "attention of %d tokens of %d and its gradient: %g", static_cast<int>(shape.tokens),
          static_cast<int>(shape.headDim), error);
  }
  testSubnormals({1, 2, 1, 96, 32, none, 0, true, false});
  testThreadsAgree({3, 2, 2, 203, 32, none, 0, true, true});
}

}  // namespace kvfold::test
