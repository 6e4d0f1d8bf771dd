// DMC's averages and their gradient against plain sums in double precision.
#include "../training/dmc-pool.h"

#include <cmath>
#include <cstdlib>
#include <initializer_list>

#include "check.h"
#include "threads.h"

namespace kvfold::test {
namespace {

enum class Decisions { soft, hard, tiny };

struct Shape {
  int64_t lanes, tokens, dim, window;
  Decisions decisions;
};

struct Case {
  explicit Case(const Shape& s)
      : shape(s), items(s.lanes * s.tokens * s.dim), alpha(s.lanes * s.tokens), omega(alpha.count()), dPooled(items.count()),
        dZ(alpha.count()), pooled(items.count()), z(alpha.count()), dItems(items.count()), dAlpha(alpha.count()),
        dOmega(alpha.count()) {
    Numbers numbers(static_cast<uint64_t>(s.tokens * 31 + s.dim));
    for (const Exactly<float>* array : {&items, &alpha, &omega, &dPooled, &dZ}) numbers.fill(*array);
    for (int64_t i = 0; i < alpha.count(); i++) {
      const float part = (alpha[i] + 1) / 2;
      alpha[i] = s.decisions == Decisions::soft ? part : s.decisions == Decisions::hard ? roundf(part) : part * 1e-25f;
      omega[i] = 0.05f + fabsf(omega[i]);
    }
  }

  bool run() const {
    const DmcPoolTask task = {items.data(), alpha.data(), omega.data(), shape.tokens, shape.dim, shape.window};
    return dmcPool(task, shape.lanes, pooled.data(), z.data()) &&
           dmcPoolGradient(task, shape.lanes, {dPooled.data(), dZ.data(), dItems.data(), dAlpha.data(), dOmega.data()});
  }

  double worst = 0;
  void compare(float found, double exact) {
    const double difference = fabs(static_cast<double>(found) - exact) / (1 + fabs(exact));
    if (!(difference <= worst)) worst = difference;
  }

  double reach(int64_t at, int64_t s, int64_t t) const {
    double product = 1;
    for (int64_t i = s + 1; i <= t; i++) product *= static_cast<double>(alpha[at + i]);
    return product;
  }

  /** Worst difference of all results from sums as they are written in kernels/dmc-pool-gradient.cc. */
  double error() {
    const int64_t tokens = shape.tokens, dim = shape.dim;
    double* const exactItems = static_cast<double*>(calloc(static_cast<size_t>((tokens + 1) * dim + 2 * tokens), sizeof(double)));
    double* const exactOmega = exactItems + tokens * dim;
    double* const exactAlpha = exactOmega + tokens;
    double* const average = exactAlpha + tokens;
    for (int64_t lane = 0; lane < shape.lanes; lane++) {
      const int64_t at = lane * tokens;
      memset(exactItems, 0, static_cast<size_t>(tokens * (dim + 2)) * sizeof(double));
      for (int64_t t = 0; t < tokens; t++) {
        const int64_t first = t < shape.window ? 0 : t - shape.window + 1;
        double total = 0, along = 0;
        memset(average, 0, static_cast<size_t>(dim) * sizeof(double));
        for (int64_t s = first; s <= t; s++) {
          const double weight = reach(at, s, t) * static_cast<double>(omega[at + s]);
          total += weight;
          for (int64_t d = 0; d < dim; d++) average[d] += weight * static_cast<double>(items[(at + s) * dim + d]);
        }
        compare(z[at + t], total);
        for (int64_t d = 0; d < dim; d++) {
          compare(pooled[(at + t) * dim + d], average[d] / total);
          along += average[d] / total * static_cast<double>(dPooled[(at + t) * dim + d]);
        }
        for (int64_t s = first; s <= t; s++) {
          double u = static_cast<double>(dZ[at + t]) - along / total;
          const double weight = static_cast<double>(omega[at + s]), c = reach(at, s, t);
          for (int64_t d = 0; d < dim; d++) {
            const double g = static_cast<double>(dPooled[(at + t) * dim + d]) / total;
            u += g * static_cast<double>(items[(at + s) * dim + d]);
            exactItems[s * dim + d] += weight * c * g;
          }
          exactOmega[s] += c * u;
          for (int64_t i = s + 1; i <= t; i++) exactAlpha[i] += reach(at, s, i - 1) * weight * u * reach(at, i, t);
        }
      }
      for (int64_t i = 0; i < tokens * dim; i++) compare(dItems[at * dim + i], exactItems[i]);
      for (int64_t t = 0; t < tokens; t++) {
        compare(dOmega[at + t], exactOmega[t]);
        compare(dAlpha[at + t], exactAlpha[t]);
      }
    }
    free(exactItems);
    return worst;
  }

  Shape shape;
  Exactly<float> items, alpha, omega, dPooled, dZ, pooled, z, dItems, dAlpha, dOmega;
};

/** Same bits with any number of threads. */
void testThreadsAgree(const Shape& shape) {
  const Case one(shape), many(shape);
  runWithThreads(one, 1);
  runWithThreads(many, 4);
  const bool equal = sameBits(one.pooled, many.pooled) && sameBits(one.z, many.z) &&
                     sameBits(one.dItems, many.dItems) && sameBits(one.dAlpha, many.dAlpha) &&
                     sameBits(one.dOmega, many.dOmega);
  check(equal, "DMC's averages do not depend on the threads");
}

}  // namespace

void testDmcPool() {
  constexpr int64_t none = int64_t{1} << 40;
  const Shape shapes[] = {
      {1, 1, 4, 12, Decisions::soft},      {2, 2, 3, 1, Decisions::soft},    {3, 40, 64, 12, Decisions::soft},
      {2, 40, 70, 12, Decisions::hard},    {1, 33, 129, 12, Decisions::tiny}, {1, 90, 20, 37, Decisions::soft},
      {2, 50, 32, none, Decisions::soft},  {2, 50, 33, none, Decisions::hard}, {1, 50, 16, none, Decisions::tiny},
      {1, 12, 8, 12, Decisions::hard},     {1, 13, 8, 12, Decisions::hard},
  };
  for (const Shape& shape : shapes) {
    Case test(shape);
    check(test.run(), "there is memory");
    const double error = test.error();
    check(error < 2e-5, "averages of %d tokens of %d: %g", static_cast<int>(shape.tokens), static_cast<int>(shape.dim), error);
  }
  testThreadsAgree({7, 60, 48, 12, Decisions::soft});
  testThreadsAgree({7, 60, 48, none, Decisions::soft});
}

}  // namespace kvfold::test
