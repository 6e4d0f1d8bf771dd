// Kernels that work on rows or on single elements, against plain loops in double.
#include "../kernels/args/activation.h"
#include "../kernels/args/adam-w.h"
#include "../kernels/args/cross-entropy.h"
#include "../kernels/args/rms-norm.h"
#include "../kernels/args/rope.h"
#include "../kernels/math/bf16.h"
#include "check.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

void testRmsNorm(int rows, int dim, bool residual, float weightOffset) {
  Numbers numbers(dim + rows);
  const float epsilon = 1e-5f;
  Array<float> x(rows * dim), added(rows * dim), weight(dim), sum(rows * dim), y(rows * dim), dy(rows * dim), dx(rows * dim), dWeight(dim);
  Array<uint16_t> narrow(rows * dim);
  numbers.fill(x), numbers.fill(added), numbers.fill(weight), numbers.fill(dy);
  RmsNormArgs args = {x.address(), residual ? added.address() : 0, weight.address(), sum.address(), y.address(), narrow.address(), dim, epsilon, weightOffset};
  launch("kvfold_rms_norm", args, rows, rmsNormThreads(dim));
  std::vector<double> expected, expectedDx, expectedDWeight(dim, 0.0);
  for (int row = 0; row < rows; row++) {
    std::vector<double> v(dim);
    double squares = 0, along = 0;
    for (int i = 0; i < dim; i++) {
      v[i] = x[row * dim + i] + (residual ? added[row * dim + i] : 0.0);
      squares += v[i] * v[i];
    }
    const double scale = 1 / sqrt(squares / dim + epsilon);
    for (int i = 0; i < dim; i++) expected.push_back(v[i] * scale * (weight[i] + weightOffset));
    for (int i = 0; i < dim; i++) along += dy[row * dim + i] * (weight[i] + weightOffset) * v[i] * scale / dim;
    for (int i = 0; i < dim; i++) {
      expectedDx.push_back(scale * (dy[row * dim + i] * (weight[i] + weightOffset) - v[i] * scale * along));
      expectedDWeight[i] += dy[row * dim + i] * v[i] * scale;
    }
  }
  checkClose("rms norm", y, expected, 2e-6);
  for (int i = 0; i < rows * dim; i++) check(narrow[i] == floatToBf16(y[i]), "narrow %d", i);
  if (residual) return;
  Array<float> scales(rows), partials(planWeightGradient(rows) * dim);
  Array<int> arrivals((dim + 31) / 32, 0);
  launch("kvfold_rms_norm_gradient", RmsNormGradientArgs{x.address(), weight.address(), dy.address(), dx.address(), scales.address(), dim, epsilon, weightOffset}, rows, rmsNormThreads(dim));
  checkClose("rms norm dx", dx, expectedDx, 5e-6);
  const RmsNormWeightGradientArgs weightArgs = {x.address(), dy.address(), scales.address(), partials.address(), arrivals.address(), dWeight.address(), rows, dim};
  for (int again = 0; again < 2; again++) {
    launch3("kvfold_rms_norm_weight_gradient", weightArgs, {{(static_cast<unsigned>(dim) + 31) / 32, planWeightGradient(rows), 1}, {32, 8, 1}, 0});
    checkClose("rms norm dWeight", dWeight, expectedDWeight, 5e-6);
  }
}

KVFOLD_TEST(rmsNorm) {
  testRmsNorm(3, 40, false, 0);
  testRmsNorm(2, 1500, true, 1);
  testRmsNorm(150, 33, false, 1);
}

KVFOLD_TEST(ropeRotation) {
  for (int perBatch = 0; perBatch < 2; perBatch++) {
    const int batch = 2, heads = 3, tokens = 4, headDim = 10, half = 4, count = batch * heads * tokens * headDim;
    Numbers numbers(perBatch);
    Array<float> x(count), y(count), back(count), cos(batch * tokens * half), sin(batch * tokens * half);
    numbers.fill(x);
    for (size_t i = 0; i < cos.count(); i++) cos[i] = cosf(static_cast<float>(i)), sin[i] = sinf(static_cast<float>(i));
    RopeArgs args = {x.address(), cos.address(), sin.address(), y.address(), count, heads, tokens, headDim, half, perBatch, 0};
    launch("kvfold_rope", args, (count + 255) / 256, 256);
    args.x = y.address(), args.y = back.address(), args.back = 1;
    launch("kvfold_rope", args, (count + 255) / 256, 256);
    std::vector<double> expected(count), same(count);
    for (int i = 0; i < count; i++) {
      const int channel = i % headDim, token = i / headDim % tokens, b = i / headDim / tokens / heads;
      same[i] = expected[i] = x[i];
      if (channel >= 2 * half) continue;
      const int pair = channel % half, angle = ((perBatch ? b * tokens : 0) + token) * half + pair;
      expected[i] = channel < half ? static_cast<double>(x[i]) * cos[angle] - static_cast<double>(x[i + half]) * sin[angle]
                                   : static_cast<double>(x[i]) * cos[angle] + static_cast<double>(x[i - half]) * sin[angle];
    }
    checkClose("rope", y, expected, 1e-6);
    checkClose("rope and back", back, same, 1e-6);
  }
}

KVFOLD_TEST(gatedActivation) {
  for (int kind = 0; kind < 3; kind++) {
    const int rows = 7, hidden = 300, stride = 2 * hidden;
    Numbers numbers(kind);
    Array<float> both(rows * stride), out(rows * hidden), dOut(rows * hidden), pulls(rows * stride);
    numbers.fill(both, 3), numbers.fill(dOut);
    const unsigned grid = (rows * hidden + 1023) / 1024;
    launch("kvfold_gated_activation", GatedActivationArgs{both.address(), both.address() + 4 * hidden, out.address(), 0, stride, rows, hidden, kind}, grid, 256);
    launch("kvfold_gated_activation_gradient", GatedActivationGradientArgs{both.address(), both.address() + 4 * hidden, dOut.address(), pulls.address(), pulls.address() + 4 * hidden, stride, rows, hidden, kind}, grid, 256);
    const auto act = [&](double x) {
      if (kind == 0) return x / (1 + exp(-x));
      if (kind == 2) return 0.5 * x * (1 + erf(x / sqrt(2.0)));
      return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    };
    std::vector<double> expected, expectedPulls(rows * stride);
    for (int i = 0; i < rows * hidden; i++) {
      const int at = i / hidden * stride + i % hidden;
      const double gate = both[at], up = both[at + hidden], slope = (act(gate + 1e-5) - act(gate - 1e-5)) / 2e-5;
      expected.push_back(act(gate) * up);
      expectedPulls[at] = dOut[i] * up * slope;
      expectedPulls[at + hidden] = dOut[i] * act(gate);
    }
    checkClose("gated activation", out, expected, 1e-6);
    checkClose("its gradient", pulls, expectedPulls, 1e-5);
  }
}

KVFOLD_TEST(crossEntropy) {
  const int rows = 4, vocab = 1300;
  Numbers numbers(3);
  Array<float> logits(rows * vocab), weights(rows), loss(rows), lse(rows), dy(rows), dLogits(rows * vocab);
  Array<int> labels(rows);
  numbers.fill(logits, 20), numbers.fill(weights), numbers.fill(dy);
  for (int row = 0; row < rows; row++) labels[row] = row == 2 ? -100 : 17 * row;
  logits[5] = -INFINITY;
  launch("kvfold_cross_entropy", CrossEntropyArgs{logits.address(), labels.address(), weights.address(), loss.address(), lse.address(), vocab}, rows, crossEntropyThreads);
  std::vector<double> expected, expectedLogits;
  for (int row = 0; row < rows; row++) {
    double peak = -1e30, total = 0;
    for (int i = 0; i < vocab; i++) peak = fmax(peak, logits[row * vocab + i]);
    for (int i = 0; i < vocab; i++) total += exp(logits[row * vocab + i] - peak);
    const double whole = peak + log(total);
    expected.push_back(labels[row] < 0 ? 0 : (whole - logits[row * vocab + labels[row]]) * weights[row]);
    for (int i = 0; i < vocab; i++) {
      const double p = exp(logits[row * vocab + i] - whole) - (i == labels[row] ? 1 : 0);
      expectedLogits.push_back(labels[row] < 0 ? 0 : p * dy[row] * weights[row]);
    }
  }
  checkClose("loss", loss, expected, 2e-6);
  for (int saved = 0; saved < 2; saved++) {
    launch("kvfold_cross_entropy_gradient", CrossEntropyGradientArgs{logits.address(), labels.address(), weights.address(), dy.address(), saved ? lse.address() : 0, dLogits.address(), vocab}, rows, crossEntropyThreads);
    checkClose("dLogits", dLogits, expectedLogits, 5e-6);
  }
}

KVFOLD_TEST(adamW) {
  const int count = 1500;
  Numbers numbers(9);
  Array<float> param(count), grad(count), m(count), v(count), nextParam(count), nextM(count), nextV(count);
  numbers.fill(param), numbers.fill(grad), numbers.fill(m), numbers.fill(v);
  for (int i = 0; i < count; i++) v[i] = v[i] * v[i];
  AdamWArgs args = {param.address(), grad.address(), m.address(), v.address(), nextParam.address(), nextM.address(), nextV.address(), count, 0, 0, 0, 0, 0, 0, 0, 0};
  setAdamWStep(args, 3e-3, 0.9, 0.95, 1e-8, 0.1, 5);
  launch("kvfold_adam_w", args, (count + 1023) / 1024, 256);
  std::vector<double> expectedParam, expectedM, expectedV;
  for (int i = 0; i < count; i++) {
    expectedM.push_back(0.9 * m[i] + 0.1 * grad[i]);
    expectedV.push_back(0.95 * v[i] + 0.05 * grad[i] * grad[i]);
    const double root = sqrt(expectedV.back() / (1 - pow(0.95, 5))) + 1e-8;
    expectedParam.push_back(param[i] * (1 - 3e-3 * 0.1) - expectedM.back() / root * 3e-3 / (1 - pow(0.9, 5)));
  }
  checkClose("param", nextParam, expectedParam, 1e-6);
  checkClose("m", nextM, expectedM, 1e-6);
  checkClose("v", nextV, expectedV, 1e-6);
}

}  // namespace
