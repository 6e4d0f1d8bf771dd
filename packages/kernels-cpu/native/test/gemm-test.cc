#include <cmath>

#include "../matrix/dense-linear.h"
#include "../matrix/gemm-f32.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"
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

/** One product, its sides transposed or not, with the operands that are to be multiplied exactly. */
struct Product {
  int64_t m, n, k;
  bool transposeA, transposeB;
  const Exactly<float> a, b, c;
  Product(int64_t m, int64_t n, int64_t k, int form)
      : m(m), n(n), k(k), transposeA(form & 1), transposeB(form & 2), a(m * k), b(k * n), c(m * n) {}
  MatrixF32 left() const { return transposeA ? MatrixF32{a.data(), 1, m} : MatrixF32{a.data(), k, 1}; }
  MatrixF32 right() const { return transposeB ? MatrixF32{b.data(), 1, k} : MatrixF32{b.data(), n, 1}; }
  float& leftAt(int64_t i, int64_t p) const { return a[transposeA ? p * m + i : i * k + p]; }
  float& rightAt(int64_t p, int64_t j) const { return b[transposeB ? j * k + p : p * n + j]; }
  void run() const { check(gemmF32(left(), right(), c.data(), m, n, k), "memory"); }

  /** Largest and mean error of an element, in units of the sum of its products' magnitudes. */
  void errors(double* worst, double* mean) const {
    *worst = *mean = 0;
    for (int64_t i = 0; i < m; i++) {
      for (int64_t j = 0; j < n; j++) {
        double sum = 0, size = 0;
        for (int64_t p = 0; p < k; p++) {
          const double product = static_cast<double>(leftAt(i, p)) * rightAt(p, j);
          sum += product;
          size += fabs(product);
        }
        const double error = fabs(sum - c[i * n + j]) / size;
        *worst = fmax(*worst, error);
        *mean += error / static_cast<double>(m * n);
      }
    }
  }
};

/** Random numbers of all magnitudes from 1 / range to range, so that large and small ones lie side by side. */
void fillWidely(const Exactly<float>& x, double range, uint64_t seed) {
  Numbers numbers(seed);
  for (int64_t i = 0; i < x.count(); i++) x[i] = numbers.next() * static_cast<float>(pow(range, numbers.next()));
}

/** In float32 precision the chosen kernels are as exact as float32 products and sums, on every shape and scale. */
void testPrecision() {
  const InstructionSet chosen = chosenInstructionSet();
  const double ranges[] = {1, 1e6};
  const int64_t sizes[][3] = {{64, 96, 256}, {70, 75, 1000}, {65, 64, 4200}, {90, 200, 33}};
  for (const double range : ranges) {
    for (const auto& size : sizes) {
      for (int form = 0; form < 4; form++) {
        const Product product(size[0], size[1], size[2], form);
        fillWidely(product.a, range, 1);
        fillWidely(product.b, range, 2);
        double worst, mean, plainWorst, plainMean;
        product.run();
        product.errors(&worst, &mean);
        chooseInstructionSet(InstructionSet::scalar);
        product.run();
        product.errors(&plainWorst, &plainMean);
        chooseInstructionSet(chosen);
        check(worst <= 2 * plainWorst && mean <= 1.5 * plainMean, "%d x %d x %d (%d), range %g: %g, mean %g, in plain float32 %g, mean %g",
              static_cast<int>(size[0]), static_cast<int>(size[1]), static_cast<int>(size[2]), form, range, worst, mean,
              plainWorst, plainMean);
      }
    }
  }
}

/** With operands rounded to bfloat16 every instruction set gives the same, to the order of sums. */
void testRoundedOperands() {
  for (int form = 0; form < 4; form++) {
    const Product product(50, 70, 1000, form);
    fillWidely(product.a, 100, 3);
    fillWidely(product.b, 100, 4);
    setMatmulPrecision(MatmulPrecision::bf16);
    product.run();
    setMatmulPrecision(MatmulPrecision::float32);
    const auto round = [](const Exactly<float>& x) {
      for (int64_t i = 0; i < x.count(); i++) {
        uint32_t bits;
        memcpy(&bits, x.data() + i, 4);
        bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
        memcpy(x.data() + i, &bits, 4);
      }
    };
    round(product.a);
    round(product.b);
    double worst, mean;
    product.errors(&worst, &mean);
    check(worst < 1e-6, "bf16 (%d): %g", form, worst);
  }
}

/** Infinite, undefined and very large numbers give what float32 gives, and only where they are multiplied. */
void testLargeNumbers() {
  for (int form = 0; form < 4; form++) {
    const Product product(70, 80, 64, form);
    for (int64_t i = 0; i < product.a.count(); i++) product.a[i] = 1;
    for (int64_t i = 0; i < product.b.count(); i++) product.b[i] = 2;
    product.leftAt(3, 5) = INFINITY;
    product.leftAt(4, 6) = NAN;
    product.leftAt(7, 63) = 3e38f;
    product.rightAt(63, 9) = 0.5f;
    product.run();
    check(product.c[3 * 80] == INFINITY && product.c[4 * 80] != product.c[4 * 80], "infinite and undefined numbers");
    check(product.c[7 * 80] == INFINITY && product.c[7 * 80 + 9] == 126 + 1.5e38f, "%g", product.c[7 * 80 + 9]);
    check(product.c[0] == 128 && product.c[9] == 126.5f, "the others: %g %g", product.c[0], product.c[9]);
  }
}

/** The same bits whatever the number of threads. */
void testThreadsOfProducts() {
  const int before = threadCount();
  for (int rounded = 0; rounded < 2; rounded++) {
    setMatmulPrecision(rounded ? MatmulPrecision::bf16 : MatmulPrecision::float32);
    for (int form = 0; form < 4; form++) {
      const Product product(300, 100, 700, form);
      fillWidely(product.a, 1, 5);
      fillWidely(product.b, 1, 6);
      const Exactly<float> first(product.c.count());
      for (int threads = 1; threads <= 3; threads++) {
        setThreads(threads);
        product.run();
        if (threads == 1) memcpy(first.data(), product.c.data(), static_cast<size_t>(first.count()) * 4);
        check(memcmp(first.data(), product.c.data(), static_cast<size_t>(first.count()) * 4) == 0, "%d threads (%d)", threads, form);
      }
    }
  }
  setMatmulPrecision(MatmulPrecision::float32);
  setThreads(before);
}

}  // namespace

void testGemm() {
  const int64_t sizes[][4] = {{1, 1, 1, 1},   {1, 37, 100, 1}, {9, 1, 33, 1},  {5, 19, 7, 3},  {13, 31, 385, 1},
                              {15, 33, 64, 2}, {29, 65, 40, 1}, {8, 300, 20, 5}, {70, 90, 400, 1}};
  for (const auto& size : sizes) {
    for (int form = 0; form < 4; form++) compare(size[0], size[1], size[2], size[3], form & 1, form & 2);
  }
  compare(2100, 18, 400, 1, false, true);  // several blocks of rows share a packed block of the right side
  testPrecision();
  testRoundedOperands();
  testLargeNumbers();
  testThreadsOfProducts();
  const int64_t rows[] = {1, 2, 3, 8, 9, 20};
  for (const int64_t count : rows) testLinear(count, 35, 77);
}

}  // namespace kvfold::test
