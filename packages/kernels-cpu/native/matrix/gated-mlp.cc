#include "gated-mlp.h"

#include "../elementwise/parallel-work.h"
#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "coded-rows.h"
#include "linear-group.h"

namespace kvfold {
namespace {

/** Nanoseconds of one thread for one element, measured on a 2 GHz core. */
constexpr double normCost = 0.25, activationCost = 0.6;

/** Gate, up and activation of a few rows: a thread finishes the hidden numbers that it has begun. */
bool hiddenOfFew(const GatedMlp& mlp, const float* x, int64_t rows, float* gate, float* up) {
  const int64_t hidden = mlp.gate.outputs;
  CodedRows coded(x, mlp.gate.inputs, rows);
  if (!coded.prepare(mlp.gate.format) || !coded.prepare(mlp.up.format)) return false;
  const auto activate = kernels().activation->gate[static_cast<int>(mlp.activation)];
  parallelFor(hidden, pieceOutputs(mlp.gate), [&](int64_t begin, int64_t end) {
    coded.multiply(mlp.gate, begin, end, gate);
    coded.multiply(mlp.up, begin, end, up);
    for (int64_t at = begin; at < rows * hidden; at += hidden) activate(gate + at, up + at, gate + at, end - begin);
  });
  return true;
}

bool hiddenOfMany(const GatedMlp& mlp, const float* x, int64_t rows, float* gate, float* up) {
  if (!linearGroup({{mlp.gate, mlp.up, {}}, 2, {gate, up, nullptr}}, x, rows)) return false;
  const auto activate = kernels().activation->gate[static_cast<int>(mlp.activation)];
  const int64_t hidden = mlp.gate.outputs;
  parallelWork(rows, activationCost * static_cast<double>(hidden), [&](int64_t begin, int64_t end) {
    activate(gate + begin * hidden, up + begin * hidden, gate + begin * hidden, (end - begin) * hidden);
  });
  return true;
}

}  // namespace

void normRows(const InputNorm& norm, const float* x, int64_t rows, int64_t dim, float* y) {
  parallelWork(rows, normCost * static_cast<double>(dim) + 1, [&](int64_t begin, int64_t end) {
    kernels().norm->rmsNorm(x + begin * dim, norm.weight, norm.offset, norm.epsilon, end - begin, dim, y + begin * dim);
  });
}

bool gatedMlp(const GatedMlp& mlp, const float* x, int64_t rows, float* y) {
  const int64_t dim = mlp.gate.inputs, hidden = mlp.gate.outputs;
  const bool withNorm = mlp.norm.weight != nullptr;
  const Scratch normed(withNorm ? rows * dim * 4 : 4), both(rows * hidden * 8);
  if (!normed.ok() || !both.ok()) return false;
  if (withNorm) normRows(mlp.norm, x, rows, dim, normed.as<float>());
  const float* input = withNorm ? normed.as<float>() : x;
  float *gate = both.as<float>(), *up = gate + rows * hidden;
  const bool few = rows <= onePassRows;
  if (!(few ? hiddenOfFew : hiddenOfMany)(mlp, input, rows, gate, up)) return false;
  return withNorm ? linearOnto(mlp.down, gate, rows, x, y) : packedLinear(mlp.down, gate, rows, y);
}

}  // namespace kvfold
