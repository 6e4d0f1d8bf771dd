// Reductions, softmax, norms and other work on rows against plain sums, for every length up to a few vectors.
#include <cmath>
#include <initializer_list>

#include "../system/runtime.h"
#include "check.h"

namespace kvfold::test {
namespace {

bool close(double found, double exact, double tolerance = 1e-6) {
  return fabs(found - exact) <= tolerance * (1 + fabs(exact));
}

void testReductions(int64_t n, const Exactly<float>& x) {
  const ReduceKernels& reduce = *kernels().reduce;
  double sum = 0, largest = -INFINITY, smallest = INFINITY;
  int32_t place = 0;
  for (int64_t i = 0; i < n; i++) {
    sum += static_cast<double>(x[i]);
    if (x[i] > largest) largest = x[i], place = static_cast<int32_t>(i);
    if (x[i] < smallest) smallest = x[i];
  }
  float out[3];
  reduce.rows[static_cast<int>(Reduction::sum)](x.data(), 1, n, &out[0]);
  reduce.rows[static_cast<int>(Reduction::max)](x.data(), 1, n, &out[1]);
  reduce.rows[static_cast<int>(Reduction::min)](x.data(), 1, n, &out[2]);
  check(close(out[0], sum) && out[1] == largest && out[2] == smallest, "a row of %d is reduced", static_cast<int>(n));
  int32_t found;
  reduce.argMax(x.data(), 1, n, &found);
  check(found == place, "place of the largest of %d", static_cast<int>(n));
  x[n / 2] = NAN;
  reduce.rows[static_cast<int>(Reduction::max)](x.data(), 1, n, &out[1]);
  check(std::isnan(out[1]), "NaN among %d is their maximum", static_cast<int>(n));
}

void testColumns(int64_t columns) {
  const int64_t n = 5;
  const Exactly<float> x(n * columns), out(columns);
  Numbers(7).fill(x);
  kernels().reduce->columns[static_cast<int>(Reduction::mean)](x.data(), n, columns, columns, out.data());
  bool equal = true;
  for (int64_t c = 0; c < columns; c++) {
    double sum = 0;
    for (int64_t r = 0; r < n; r++) sum += static_cast<double>(x[r * columns + c]);
    equal = equal && close(out[c], sum / n);
  }
  check(equal, "means of %d columns", static_cast<int>(columns));
}

void testSoftmax(int64_t n) {
  const Exactly<float> x(2 * n), y(2 * n), loss(2), gradient(2 * n);
  Numbers(8).fill(x);
  for (int64_t i = 0; i < 2 * n; i++) x[i] *= 20;
  const int32_t labels[] = {static_cast<int32_t>(n / 2), -100};
  const float weights[] = {0.5f, 1}, dy[] = {2, 1};
  kernels().softmax->softmax(x.data(), 2, n, y.data());
  kernels().softmax->crossEntropy(x.data(), labels, weights, 2, n, loss.data());
  kernels().softmax->crossEntropyGradient(x.data(), labels, weights, dy, 2, n, gradient.data());
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += exp(static_cast<double>(x[i]));
  bool equal = close(loss[0], 0.5 * (log(sum) - static_cast<double>(x[n / 2]))) && loss[1] == 0;
  for (int64_t i = 0; i < n; i++) {
    const double p = exp(static_cast<double>(x[i])) / sum;
    equal = equal && close(y[i], p) && close(gradient[i], i == n / 2 ? p - 1 : p) && gradient[n + i] == 0;
  }
  check(equal, "softmax of %d and what is made of it", static_cast<int>(n));
}

void testDivergence(int64_t n) {
  const Exactly<float> p(2 * n), q(2 * n), value(2), byP(2 * n), byQ(2 * n);
  Numbers numbers(10);
  for (const Exactly<float>* logits : {&p, &q}) {
    numbers.fill(*logits);
    for (int64_t i = 0; i < 2 * n; i++) (*logits)[i] *= 20;
  }
  const float dy[] = {2, -1};
  kernels().softmax->divergence(p.data(), q.data(), 2, n, value.data());
  kernels().softmax->divergenceGradient(true, p.data(), q.data(), dy, 2, n, byP.data());
  kernels().softmax->divergenceGradient(false, p.data(), q.data(), dy, 2, n, byQ.data());
  bool equal = true;
  for (int64_t r = 0; r < 2; r++) {
    double sums[2] = {0, 0}, expected = 0;
    for (int64_t i = r * n; i < (r + 1) * n; i++) {
      sums[0] += exp(static_cast<double>(p[i]));
      sums[1] += exp(static_cast<double>(q[i]));
    }
    const auto first = [&](int64_t i) { return exp(static_cast<double>(p[i])) / sums[0]; };
    const auto second = [&](int64_t i) { return exp(static_cast<double>(q[i])) / sums[1]; };
    for (int64_t i = r * n; i < (r + 1) * n; i++) expected += first(i) * log(first(i) / second(i));
    equal = equal && close(value[r], expected);
    for (int64_t i = r * n; i < (r + 1) * n; i++) {
      // a difference of two numbers of the divergence's size, here up to 40: an ulp of these is its error
      const double byFirst = dy[r] * first(i) * (log(first(i) / second(i)) - expected);
      equal = equal && close(byP[i], byFirst, 1e-6 + 2e-7 * expected) &&
              close(byQ[i], dy[r] * (second(i) - first(i)));
    }
  }
  check(equal, "divergence of %d and its gradients", static_cast<int>(n));
}

void testNorm(int64_t n) {
  const Exactly<float> x(3 * n), weight(n), y(3 * n), dy(3 * n), dx(3 * n), dWeight(n), scales(3);
  Numbers numbers(9);
  for (const Exactly<float>* array : {&x, &weight, &dy}) numbers.fill(*array);
  const NormKernels& norm = *kernels().norm;
  norm.rmsNorm(x.data(), weight.data(), 1, 1e-3f, 3, n, y.data());
  norm.rmsNormGradient(x.data(), weight.data(), 1, 1e-3f, dy.data(), 3, n, dx.data(), scales.data());
  norm.weightGradient(x.data(), dy.data(), scales.data(), 3, n, 0, n, dWeight.data());
  bool equal = true;
  for (int64_t i = 0; i < n; i++) {
    double pulled = 0;
    for (int64_t r = 0; r < 3; r++) {
      double squares = 0, along = 0;
      for (int64_t k = 0; k < n; k++) {
        const double value = x[r * n + k];
        squares += value * value;
        along += static_cast<double>(dy[r * n + k]) * (static_cast<double>(weight[k]) + 1) * value;
      }
      const double scale = 1 / sqrt(squares / n + static_cast<double>(1e-3f)), at = x[r * n + i], gain = weight[i] + 1.0;
      pulled += static_cast<double>(dy[r * n + i]) * at * scale;
      equal = equal && close(y[r * n + i], at * scale * gain) &&
              close(dx[r * n + i], scale * (static_cast<double>(dy[r * n + i]) * gain - at * scale * scale * along / n));
    }
    equal = equal && close(dWeight[i], pulled);
  }
  check(equal, "norm of %d and its gradients", static_cast<int>(n));
}

void testRotation(int64_t half, int64_t rest) {
  const int64_t dim = 2 * half + rest;
  const Exactly<float> x(dim), cos(half), sin(half), y(dim);
  Numbers numbers(10);
  for (const Exactly<float>* array : {&x, &cos, &sin}) numbers.fill(*array);
  kernels().rows->rotate(x.data(), cos.data(), sin.data(), half, dim, y.data());
  bool equal = true;
  for (int64_t i = 0; i < half; i++) {
    equal = equal && y[i] == x[i] * cos[i] - x[half + i] * sin[i] && y[half + i] == x[half + i] * cos[i] + x[i] * sin[i];
  }
  for (int64_t i = 2 * half; i < dim; i++) equal = equal && y[i] == x[i];
  check(equal, "%d pairs turn, %d channels stay", static_cast<int>(half), static_cast<int>(rest));
}

}  // namespace

void testRows() {
  for (int64_t n = 1; n <= 70; n++) {
    const Exactly<float> x(n);
    Numbers(static_cast<uint64_t>(n)).fill(x);
    testReductions(n, x);
    testColumns(n);
    testSoftmax(n);
    testDivergence(n);
    testNorm(n);
    testRotation(n, n % 3);
  }
}

}  // namespace kvfold::test
