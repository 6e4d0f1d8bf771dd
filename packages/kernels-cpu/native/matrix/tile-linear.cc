#include "tile-linear.h"

#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"

namespace kvfold {
namespace {

constexpr int64_t pairOutputs = 2 * tileSide;
// Outputs whose unpacked weights stay in the second-level cache while all rows of x pass by.
constexpr int64_t mostGroupOutputs = 128;
// Rows of x that pass a group of outputs at once: their tiles share the second level with the weights.
constexpr int64_t passRows = 64;

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

TilePlan planOf(WeightFormat format, int digits) {
  if (digits == 1) return {1, {1, 0, 0}};
  if (format == WeightFormat::bf16) return {1, {digits, 0, 0}};
  if (digits == 2) return {2, {2, 1, 0}};
  // Two terms hold these weights exactly: scales of 11 bits times values of 5, or 11 bits alone.
  const bool twoTerms = format == WeightFormat::f16 || format == WeightFormat::q4_0 || format == WeightFormat::q5_0;
  return twoTerms ? TilePlan{2, {3, 2, 0}} : TilePlan{3, {3, 2, 1}};
}

struct Group {
  PackedLinear layer;
  TilePlan plan;
  /** Terms of x that are packed. */
  int xTerms;
  int64_t depths;
  const uint16_t* x;
  int64_t rows;
  float* y;

  int64_t weightStrip() const { return depths * plan.weightTerms * tileNumbers; }
  int64_t xStrip() const { return depths * xTerms * tileNumbers; }

  /** Outputs that are worked on together: as many for each thread, none with more than fit the cache. */
  int64_t outputsEach() const {
    const int64_t threads = threadCount(), least = (layer.outputs + mostGroupOutputs - 1) / mostGroupOutputs;
    const int64_t count = least == 0 ? 1 : roundUp(least, threads);
    const int64_t each = roundUp((layer.outputs + count - 1) / count, pairOutputs);
    return each == 0 ? pairOutputs : each;
  }

  void unpack(int64_t output, int64_t count, float* floats, uint16_t* tiles) const {
    const KernelTable& table = kernels();
    const auto unpackRow = table.gemv->unpack[static_cast<int>(layer.format)];
    const int64_t rowBytes = rowBytesOf(layer.format, layer.inputs);
    for (int64_t i = 0; i < count; i++) {
      unpackRow(layer.weights + (output + i) * rowBytes, 0, layer.inputs, floats + i * layer.inputs);
    }
    table.tileGemm->packWeights(floats, layer.inputs, count, layer.inputs, plan.weightTerms, tiles);
  }

  /** The outputs `[first, end)`, at most `mostGroupOutputs`. */
  void multiply(int64_t first, int64_t end, float* floats, uint16_t* tiles) const {
    for (int64_t output = first; output < first + roundUp(end - first, pairOutputs); output += tileSide) {
      const int64_t count = end - output < 0 ? 0 : smaller(tileSide, end - output);
      unpack(output, count, floats, tiles + (output - first) / tileSide * weightStrip());
    }
    for (int64_t row = 0; row < rows; row += passRows) {
      for (int64_t output = first; output < end; output += pairOutputs) {
        kernels().tileGemm->multiply(plan, xTerms, tiles + (output - first) / tileSide * weightStrip(), weightStrip(),
                                     x + row / tileSide * xStrip(), xStrip(), depths,
                                     layer.bias == nullptr ? nullptr : layer.bias + output,
                                     y + row * layer.outputs + output, layer.outputs, smaller(pairOutputs, end - output),
                                     smaller(passRows, rows - row));
      }
    }
  }
};

}  // namespace

bool tilesFit(WeightFormat format) { return kernels().tileGemm->multiply != nullptr && format != WeightFormat::f32; }

bool tileLinears(const PackedLinear* layers, int count, const float* x, int64_t rows, float* const* y, int digits) {
  // terms of x, the most that any layer asks for: the tiles of all terms lie at the same places for all layers
  int xTerms = 0;
  for (int i = 0; i < count; i++) {
    const int terms = planOf(layers[i].format, digits).xTerms[0];
    xTerms = terms > xTerms ? terms : xTerms;
  }
  const int64_t inputs = layers[0].inputs, depths = (inputs + tileDepth - 1) / tileDepth;
  const int64_t strips = (rows + tileSide - 1) / tileSide, xStrip = depths * xTerms * tileNumbers;
  const Scratch packed(strips * xStrip * 2);
  if (!packed.ok()) return false;
  const TileGemmKernels& tiles = *kernels().tileGemm;
  parallelFor(strips, 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; s++) {
      tiles.packX(x + s * tileSide * inputs, inputs, smaller(tileSide, rows - s * tileSide), inputs, xTerms,
                  packed.as<uint16_t>() + s * xStrip);
    }
  });
  Group groups[maximumTileLayers];
  int64_t firsts[maximumTileLayers + 1] = {0};
  int64_t weightBytes = 0;
  for (int i = 0; i < count; i++) {
    groups[i] = {layers[i], planOf(layers[i].format, digits), xTerms, depths, packed.as<uint16_t>(), rows, y[i]};
    firsts[i + 1] = firsts[i] + (layers[i].outputs + groups[i].outputsEach() - 1) / groups[i].outputsEach();
    const int64_t bytes = groups[i].outputsEach() / tileSide * groups[i].weightStrip() * 2;
    weightBytes = bytes > weightBytes ? bytes : weightBytes;
  }
  bool ok = true;
  parallelFor(firsts[count], 1, [&](int64_t begin, int64_t end) {
    const Scratch floats(tileSide * inputs * 4), weights(weightBytes);
    if (!floats.ok() || !weights.ok()) {
      __atomic_store_n(&ok, false, __ATOMIC_RELAXED);
      return;
    }
    for (int64_t g = begin; g < end; g++) {
      int layer = 0;
      while (g >= firsts[layer + 1]) layer++;
      const int64_t each = groups[layer].outputsEach(), first = (g - firsts[layer]) * each;
      groups[layer].multiply(first, smaller(first + each, layers[layer].outputs), floats.as<float>(), weights.as<uint16_t>());
    }
  });
  return ok;
}

}  // namespace kvfold
