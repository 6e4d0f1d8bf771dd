#include <cmath>

#include "../matrix/dense-linear.h"
#include "../matrix/gemm-f32.h"
#include "check.h"

namespace kvfold::test {
namespace {

void compare(int64_t m, int64_t n, int64_t k, int64_t batch, bool transposeA, bool transposeB) {
  Numbers numbers(static_cast<uint64_t>(m * 131 + n * 17 + k));
  const Exactly<float> a(batch * m * k), b(k * n), c(batch * m * n);
  numbers.fill(a);
  numbers.fill(b);
  const MatrixF32 left = transposeA ? MatrixF32{a.data(), 1, m} : MatrixF32{a.data(), k, 1};
  const MatrixF32 right = transposeB ? MatrixF32{b.data(), 1, k} : MatrixF32{b.data(), n, 1};
  check(gemmF32(left, right, c.data(), m, n, k, batch, m * k, 0), "memory");
  double worst = 0;
  for (int64_t s = 0; s < batch; s++) {
    for (int64_t i = 0; i < m; i++) {
      for (int64_t j = 0; j < n; j++) {
        double sum = 0;
        for (int64_t p = 0; p < k; p++) {
          sum += static_cast<double>(a[s * m * k + i * left.rowStride + p * left.columnStride]) *
                 b[p * right.rowStride + j * right.columnStride];
        }
        worst = fmax(worst, fabs(sum - c[(s * m + i) * n + j]));
      }
    }
  }
  check(worst < 2e-6 * sqrt(static_cast<double>(k)) + 1e-6, "%d x %d x %d x %d (%d %d): %g", static_cast<int>(batch),
        static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), transposeA, transposeB, worst);
}

void testLinear(int64_t rows, int64_t inputs, int64_t outputs) {
  Numbers numbers(5);
  const Exactly<float> x(rows * inputs), weight(inputs * outputs), bias(outputs), y(rows * outputs);
  numbers.fill(x);
  numbers.fill(weight);
  numbers.fill(bias);
  check(denseLinear(x.data(), rows, weight.data(), inputs, outputs, bias.data(), y.data()), "memory");
  double worst = 0;
  for (int64_t i = 0; i < rows * outputs; i++) {
    double sum = bias[i % outputs];
    for (int64_t p = 0; p < inputs; p++) {
      sum += static_cast<double>(x[i / outputs * inputs + p]) * weight[p * outputs + i % outputs];
    }
    worst = fmax(worst, fabs(sum - y[i]));
  }
  check(worst < 2e-5, "linear %d x %d x %d: %g", static_cast<int>(rows), static_cast<int>(inputs),
        static_cast<int>(outputs), worst);
}

}  // namespace

void testGemm() {
  const int64_t sizes[][4] = {{1, 1, 1, 1},   {1, 37, 100, 1}, {9, 1, 33, 1},  {5, 19, 7, 3},  {13, 31, 385, 1},
                              {15, 33, 64, 2}, {29, 65, 40, 1}, {8, 300, 20, 5}, {70, 90, 400, 1}};
  for (const auto& size : sizes) {
    for (int form = 0; form < 4; form++) compare(size[0], size[1], size[2], size[3], form & 1, form & 2);
  }
  const int64_t rows[] = {1, 2, 3, 8, 9, 20};
  for (const int64_t count : rows) testLinear(count, 35, 77);
}

}  // namespace kvfold::test
