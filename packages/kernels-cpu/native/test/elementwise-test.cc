// Operands that broadcast, and every length up to a few vectors, in memory of exactly that length.
#include <cmath>
#include <initializer_list>

#include "../elementwise/broadcast.h"
#include "../system/runtime.h"
#include "check.h"

namespace kvfold::test {
namespace {

void testLengths() {
  const BinaryKernels& binary = *kernels().binary;
  for (int64_t n = 0; n <= 40; n++) {
    for (int steps = 0; steps < 4; steps++) {
      const int64_t aStep = steps & 1, bStep = steps >> 1;
      const Exactly<float> a(aStep ? n : 1), b(bStep ? n : 1), out(n);
      Numbers numbers(static_cast<uint64_t>(n));
      numbers.fill(a);
      numbers.fill(b);
      binary.floats[static_cast<int>(ArithmeticOp::sub)](a.data(), aStep, b.data(), bStep, out.data(), n);
      const Exactly<uint8_t> less(n);
      binary.compareFloats[static_cast<int>(ComparisonOp::less)](a.data(), aStep, b.data(), bStep, less.data(), n);
      bool equal = true;
      for (int64_t i = 0; i < n; i++) {
        equal = equal && out[i] == a[i * aStep] - b[i * bStep] && less[i] == (a[i * aStep] < b[i * bStep]);
      }
      check(equal, "%d elements with steps %d and %d", static_cast<int>(n), static_cast<int>(aStep), static_cast<int>(bStep));
    }
    const Exactly<float> x(n), y(n);
    Numbers(3).fill(x);
    bool equal = true;
    kernels().unary->run[static_cast<int>(UnaryOp::relu)](x.data(), y.data(), n, 0, 0);
    for (int64_t i = 0; i < n; i++) equal = equal && y[i] == (x[i] < 0 ? 0 : x[i]);
    check(equal, "a function of %d elements", static_cast<int>(n));
  }
}

/** The middle of a gated MLP, and its gradients against central differences. */
void testGates() {
  const ActivationKernels& kernel = *kernels().activation;
  for (int activation = 0; activation < activationCount; activation++) {
    const auto value = [&](float x) {
      const float one = 1;
      float y;
      kernel.gate[activation](&x, &one, &y, 1);
      return static_cast<double>(y);
    };
    for (int64_t n = 0; n <= 40; n++) {
      const Exactly<float> gate(n), up(n), dy(n), out(n), dGate(n), dUp(n);
      Numbers numbers(static_cast<uint64_t>(n));
      for (const Exactly<float>* array : {&gate, &up, &dy}) numbers.fill(*array);
      for (int64_t i = 0; i < n; i++) gate[i] *= 4;
      kernel.gate[activation](gate.data(), up.data(), out.data(), n);
      kernel.gradient[activation](gate.data(), up.data(), dy.data(), dGate.data(), dUp.data(), n);
      bool right = true;
      for (int64_t i = 0; i < n; i++) {
        const float high = gate[i] + 0.01f, low = gate[i] - 0.01f;
        const double slope = (value(high) - value(low)) / (static_cast<double>(high) - low);
        right = right && std::fabs(out[i] - value(gate[i]) * up[i]) < 1e-5 &&
                std::fabs(dUp[i] - value(gate[i]) * dy[i]) < 1e-5 && std::fabs(dGate[i] - slope * up[i] * dy[i]) < 1e-3;
      }
      check(right, "activation %d of %d elements and its gradients", activation, static_cast<int>(n));
    }
  }
}

/** Maximum and minimum give NaN when either side is. */
void testNaN() {
  const float values[] = {NAN, 1, NAN, -INFINITY}, others[] = {2, NAN, NAN, 3};
  float out[4];
  const BinaryKernels& binary = *kernels().binary;
  for (const ArithmeticOp op : {ArithmeticOp::maximum, ArithmeticOp::minimum}) {
    binary.floats[static_cast<int>(op)](values, 1, others, 1, out, 4);
    check(std::isnan(out[0]) && std::isnan(out[1]) && std::isnan(out[2]) && !std::isnan(out[3]), "NaN passes through");
  }
}

void testBroadcast() {
  // [5, 1, 7] with [3, 1]: the result is [5, 3, 7].
  const int64_t sizes[] = {5, 3, 7};
  Steps steps;
  steps.rank = 3;
  const int64_t aSteps[] = {7, 0, 1}, bSteps[] = {0, 1, 0};
  for (int i = 0; i < 3; i++) steps.sizes[i] = sizes[i], steps.x[i] = aSteps[i], steps.y[i] = bSteps[i];
  const Exactly<float> a(35), b(3), out(105);
  Numbers numbers(4);
  numbers.fill(a);
  numbers.fill(b);
  broadcast(kernels().binary->floats[static_cast<int>(ArithmeticOp::multiply)], a.data(), b.data(), out.data(), steps);
  bool equal = true;
  for (int64_t i = 0; i < 105; i++) equal = equal && out[i] == a[i / 21 * 7 + i % 7] * b[i / 7 % 3];
  check(equal, "operands broadcast against each other");
}

void testConversions() {
  const float floats[] = {1.9f, -1.9f, NAN, INFINITY, -INFINITY, 4294967296.0f * 3 + 65536 * 4, 3e19f, -2147483904.0f};
  const int32_t wanted[] = {1, -1, 0, 0, 0, 65536 * 4, 0, 2147483392};
  int32_t ints[8];
  kernels().convert->floatsToInts(floats, ints, 8);
  check(memcmp(ints, wanted, sizeof wanted) == 0, "floats become ints modulo 2^32");
}

}  // namespace

void testElementwise() {
  testLengths();
  testGates();
  testNaN();
  testBroadcast();
  testConversions();
}

}  // namespace kvfold::test
