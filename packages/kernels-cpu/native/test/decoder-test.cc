// The fused products of a decoder layer against their parts, and recorded calls.
#include <cmath>

#include "../matrix/gated-mlp.h"
#include "../matrix/linear-group.h"
#include "../system/recorder.h"
#include "../system/runtime.h"
#include "check.h"

namespace kvfold::test {
namespace {

constexpr int64_t dim = 96, hidden = 160;

/** Weights in Q4_1: moderate scales and minima. */
struct Weights {
  Weights(int64_t outputs, int64_t inputs, Numbers& numbers)
      : bytes(outputs * rowBytesOf(WeightFormat::q4_1, inputs)),
        layer{WeightFormat::q4_1, bytes.data(), outputs, inputs, nullptr} {
    for (int64_t i = 0; i < bytes.count(); i++) bytes[i] = static_cast<uint8_t>(numbers.bits());
    for (int64_t at = 0; at < bytes.count(); at += 20) {
      bytes[at + 1] = static_cast<uint8_t>(0x20 + (numbers.bits() & 7));
      bytes[at + 3] = static_cast<uint8_t>(0xa8 + (numbers.bits() & 3));
    }
  }
  Exactly<uint8_t> bytes;
  PackedLinear layer;
};

double furthest(const Exactly<float>& a, const Exactly<float>& b) {
  double most = 0, size = 1e-6;
  for (int64_t i = 0; i < a.count(); i++) {
    const double off = fabs(static_cast<double>(a[i]) - b[i]), own = fabs(static_cast<double>(a[i]));
    if (!(off <= most)) most = off;
    if (own > size) size = own;
  }
  return most / size;
}

void testGroup(int64_t rows) {
  Numbers numbers(static_cast<uint64_t>(rows));
  const Weights q(70, dim, numbers), k(34, dim, numbers), v(33, dim, numbers);
  const Exactly<float> x(rows * dim), a(rows * 70), b(rows * 34), c(rows * 33), wanted(rows * 70);
  numbers.fill(x);
  check(linearGroup({{q.layer, k.layer, v.layer}, 3, {a.data(), b.data(), c.data()}}, x.data(), rows), "memory");
  check(packedLinear(q.layer, x.data(), rows, wanted.data()), "memory");
  check(furthest(wanted, a) < 1e-6, "first of a group, %d rows", static_cast<int>(rows));
  const Exactly<float> last(rows * 33);
  check(packedLinear(v.layer, x.data(), rows, last.data()), "memory");
  check(furthest(last, c) < 1e-6, "last of a group, %d rows", static_cast<int>(rows));
  const Exactly<float> sum(rows * 70);
  for (int64_t i = 0; i < sum.count(); i++) {
    const float residual = numbers.next();
    sum[i] = residual;
    wanted[i] += residual;
  }
  check(linearOnto(q.layer, x.data(), rows, sum.data(), sum.data()), "memory");
  check(furthest(wanted, sum) < 1e-6, "onto a residual in place, %d rows", static_cast<int>(rows));
}

void testMlp(int64_t rows, Activation activation) {
  Numbers numbers(static_cast<uint64_t>(rows + 7));
  const Weights gate(hidden, dim, numbers), up(hidden, dim, numbers), down(dim, hidden, numbers);
  const Exactly<float> x(rows * dim), norm(dim), y(rows * dim), wanted(rows * dim), normed(rows * dim);
  const Exactly<float> g(rows * hidden), u(rows * hidden);
  numbers.fill(x);
  numbers.fill(norm);
  const GatedMlp mlp = {gate.layer, up.layer, down.layer, activation, {norm.data(), 0, 1e-5f}};
  check(gatedMlp(mlp, x.data(), rows, y.data()), "memory");
  kernels().norm->rmsNorm(x.data(), norm.data(), 0, 1e-5f, rows, dim, normed.data());
  check(packedLinear(gate.layer, normed.data(), rows, g.data()) && packedLinear(up.layer, normed.data(), rows, u.data()), "memory");
  for (int64_t i = 0; i < g.count(); i++) {
    const double z = g[i];
    const double inner = 0.7978845608028654 * (z + 0.044715 * z * z * z);
    const double act = activation == Activation::silu       ? z / (1 + exp(-z))
                       : activation == Activation::geluTanh ? 0.5 * z * (1 + tanh(inner))
                                                            : 0.5 * z * (1 + erf(z * 0.7071067811865476));
    g[i] = static_cast<float>(act * u[i]);
  }
  check(packedLinear(down.layer, g.data(), rows, wanted.data()), "memory");
  for (int64_t i = 0; i < wanted.count(); i++) wanted[i] += x[i];
  check(furthest(wanted, y) < 1e-5, "MLP block, %d rows, activation %d", static_cast<int>(rows), static_cast<int>(activation));
}

void testRecording() {
  Numbers numbers(5);
  const Weights weights(40, dim, numbers);
  const Exactly<float> x(dim), y(40), wanted(40);
  const PackedLinear layer = weights.layer;
  float *from = x.data(), *to = y.data();
  Recording recording;
  numbers.fill(x);
  setActiveRecording(&recording);
  check(perform([=] { return packedLinear(layer, from, 1, to); }), "runs while it is recorded");
  setActiveRecording(nullptr);
  check(recording.size() == 1 && recordedCalls().held == 0, "one call is held");
  numbers.fill(x);
  check(packedLinear(layer, x.data(), 1, wanted.data()) && recording.replay(0, INFINITY) == 1, "is replayed");
  check(furthest(wanted, y) == 0, "on what the memory holds then");
  check(perform([=] { return false; }) == false && recording.size() == 1, "nothing is recorded any more");
  Recording paused;
  setActiveRecording(&paused);
  perform([=] { return true; });
  const RecordedCalls calls = recordedCalls();
  setActiveRecording(nullptr);
  perform([=] { return true; });
  setActiveRecording(&paused, calls);
  perform([=] { return true; });
  check(recordedCalls().held == 2 && paused.size() == 2, "what runs in a pause is not recorded");
  setActiveRecording(nullptr);
  Recording failing;
  setActiveRecording(&failing);
  perform([=] { return true; });
  perform([=] { return false; });
  setActiveRecording(nullptr);
  check(failing.replay(0, INFINITY) == -1, "a call that fails ends the replay");
  Recording counting;
  int64_t done = 0;
  int64_t* count = &done;
  setActiveRecording(&counting);
  for (int i = 0; i < 3; i++) perform([=] { return ++*count > 0; });
  setActiveRecording(nullptr);
  done = 0;
  check(counting.replay(0, 0) == 1 && done == 1, "a part without time is one call");
  check(counting.replay(1, INFINITY) == 3 && done == 3, "the next part goes on from there");
  check(counting.replay(3, INFINITY) == 3 && done == 3, "behind the last there is nothing");
}

}  // namespace

void testDecoder() {
  const int64_t rowCounts[] = {1, 2, 4, 5, 33};
  for (const int64_t rows : rowCounts) {
    testGroup(rows);
    for (int a = 0; a < activationCount; a++) testMlp(rows, static_cast<Activation>(a));
  }
  testRecording();
}

}  // namespace kvfold::test
