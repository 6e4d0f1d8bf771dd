#include "tile-linear.h"

#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"

namespace kvfold {
namespace {

constexpr int64_t pairOutputs = 2 * tileSide;
// Outputs whose unpacked weights stay in the second-level cache while all rows of x pass by: so many bytes of them, but not less
// than so many outputs, for each group reads all of x from further away.
constexpr int64_t groupBytes = 768 << 10;
constexpr int64_t leastGroupOutputs = 128;
// Rows of x that pass a group of outputs at once: their tiles share the second level with the weights.
constexpr int64_t passRows = 64;

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

/** Whether tiles hold codes, whose sums of products are multiplied by the factors of the weights: measured, that gains with 3 digits only. */
bool scales(WeightFormat format, int digits) { return digits == tileTerms && kernels().scaledTile->pack[static_cast<int>(format)] != nullptr; }

TilePlan planOf(WeightFormat format, int digits) {
  if (digits == 1) return {1, {1, 0, 0}};
  if (format == WeightFormat::bf16 || scales(format, digits)) return {1, {digits, 0, 0}};
  if (digits == 2) return {2, {2, 1, 0}};
  // Two terms hold the 11 bits of a half.
  return format == WeightFormat::f16 ? TilePlan{2, {3, 2, 0}} : TilePlan{3, {3, 2, 1}};
}

struct Group {
  PackedLinear layer;
  TilePlan plan;
  bool scaled;
  /** Terms of x that are packed. */
  int xTerms;
  int64_t depths;
  const uint16_t* x;
  /** Sums of x by depth, if any layer has minima. */
  const float* xSums;
  int64_t rows;
  float* y;

  int64_t weightStrip() const { return scaled ? scaledStrip(depths) : depths * plan.weightTerms * tileNumbers; }
  int64_t xStrip() const { return depths * xTerms * tileNumbers; }

  /** Outputs that are worked on together: as many for each thread, none with more than fit the cache. */
  int64_t outputsEach() const {
    const int64_t stripBytes = 2 * weightStrip(), fitting = stripBytes == 0 ? 0 : groupBytes / stripBytes * tileSide;
    const int64_t most = fitting < leastGroupOutputs ? leastGroupOutputs : fitting;
    const int64_t threads = threadCount(), least = (layer.outputs + most - 1) / most;
    const int64_t count = least == 0 ? 1 : roundUp(least, threads);
    const int64_t each = roundUp((layer.outputs + count - 1) / count, pairOutputs);
    return each == 0 ? pairOutputs : each;
  }

  void unpack(int64_t output, int64_t count, float* floats, uint16_t* tiles) const {
    const KernelTable& table = kernels();
    if (scaled) {
      const int64_t rowBytes = rowBytesOf(layer.format, layer.inputs);
      table.scaledTile->pack[static_cast<int>(layer.format)](layer.weights + output * rowBytes, rowBytes, count, depths, tiles);
      return;
    }
    const auto unpackRow = table.gemv->unpack[static_cast<int>(layer.format)];
    const int64_t rowBytes = rowBytesOf(layer.format, layer.inputs);
    for (int64_t i = 0; i < count; i++) {
      unpackRow(layer.weights + (output + i) * rowBytes, 0, layer.inputs, floats + i * layer.inputs);
    }
    table.tileGemm->packWeights(floats, layer.inputs, count, layer.inputs, plan.weightTerms, tiles);
  }

  /** The outputs `[first, end)`, at most `outputsEach()`. */
  void multiply(int64_t first, int64_t end, float* floats, uint16_t* tiles) const {
    for (int64_t output = first; output < first + roundUp(end - first, pairOutputs); output += tileSide) {
      const int64_t count = end - output < 0 ? 0 : smaller(tileSide, end - output);
      unpack(output, count, floats, tiles + (output - first) / tileSide * weightStrip());
    }
    for (int64_t row = 0; row < rows; row += passRows) {
      const int64_t some = smaller(passRows, rows - row);
      const uint16_t* own = x + row / tileSide * xStrip();
      const float* bias = layer.bias == nullptr ? nullptr : layer.bias + first;
      float* out = y + row * layer.outputs + first;
      if (scaled) {
        const float* sums = hasMinima(layer.format) ? xSums + row * depths : nullptr;
        for (int64_t at = 0; at < end - first; at += mostScaledOutputs) {
          kernels().scaledTile->multiply({tiles + at / tileSide * weightStrip(), own, xTerms, sums, depths,
                                          bias == nullptr ? nullptr : bias + at, out + at, layer.outputs,
                                          smaller(mostScaledOutputs, end - first - at), some});
        }
        continue;
      }
      for (int64_t at = 0; at < end - first; at += pairOutputs) {
        kernels().tileGemm->multiply(plan, xTerms, tiles + at / tileSide * weightStrip(), weightStrip(), own, xStrip(), depths,
                                     bias == nullptr ? nullptr : bias + at, out + at, layer.outputs,
                                     smaller(pairOutputs, end - first - at), some);
      }
    }
  }
};

}  // namespace

bool tilesFit(WeightFormat format) { return kernels().tileGemm->multiply != nullptr && format != WeightFormat::f32; }

bool tileLinears(const PackedLinear* layers, int count, const float* x, int64_t rows, float* const* y, int digits) {
  // terms of x, the most that any layer asks for: the tiles of all terms lie at the same places for all layers
  int xTerms = 0;
  bool sums = false;
  for (int i = 0; i < count; i++) {
    const int terms = planOf(layers[i].format, digits).xTerms[0];
    xTerms = terms > xTerms ? terms : xTerms;
    sums |= scales(layers[i].format, digits) && hasMinima(layers[i].format);
  }
  const int64_t inputs = layers[0].inputs, depths = (inputs + tileDepth - 1) / tileDepth;
  const int64_t strips = (rows + tileSide - 1) / tileSide, xStrip = depths * xTerms * tileNumbers;
  const Scratch packed(strips * xStrip * 2), xSums(sums ? strips * depths * tileSide * 4 : 0);
  if (!packed.ok() || !xSums.ok()) return false;
  const KernelTable& table = kernels();
  parallelFor(strips, 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; s++) {
      const float* own = x + s * tileSide * inputs;
      const int64_t rowsHere = smaller(tileSide, rows - s * tileSide);
      table.tileGemm->packX(own, inputs, rowsHere, inputs, xTerms, packed.as<uint16_t>() + s * xStrip);
      if (sums) table.scaledTile->sumX(own, inputs, rowsHere, depths, xSums.as<float>() + s * depths * tileSide);
    }
  });
  Group groups[maximumTileLayers];
  int64_t firsts[maximumTileLayers + 1] = {0};
  int64_t weightBytes = 0;
  for (int i = 0; i < count; i++) {
    const WeightFormat format = layers[i].format;
    groups[i] = {layers[i], planOf(format, digits), scales(format, digits), xTerms, depths, packed.as<uint16_t>(), xSums.as<float>(),
                 rows, y[i]};
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
