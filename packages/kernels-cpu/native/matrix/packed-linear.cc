#include "packed-linear.h"

#include <atomic>

#include "../system/runtime.h"
#include "../system/thread-pool.h"
#include "coded-rows.h"
#include "dense-linear.h"
#include "gemm-f32.h"
#include "tile-linear.h"

namespace kvfold {
namespace {

// Up to here a pass over the weights for every row is cheaper than unpacking them once.
constexpr int64_t gemvRowLimit = maximumGemvRows;

std::atomic<int> chosenDigits{maximumDigits};

/** @returns false when there is no memory */
bool gemv(const PackedLinear& layer, const float* x, int64_t rows, float* y) {
  CodedRows coded(x, layer.inputs, rows);
  if (!coded.prepare(layer.format)) return false;
  parallelFor(layer.outputs, pieceOutputs(layer),
              [&](int64_t begin, int64_t end) { coded.multiply(layer, begin, end, y); });
  return true;
}

void packWeights(const void* context, const GemmF32Kernels& gemm, int64_t k, int64_t depth, int64_t column,
                 int64_t count, float* strips) {
  constexpr int64_t maximumColumns = 64;
  alignas(64) float rows[maximumColumns * deepestStrip];
  const PackedLinear& layer = *static_cast<const PackedLinear*>(context);
  const auto unpack = kernels().gemv->unpack[static_cast<int>(layer.format)];
  const int64_t rowBytes = rowBytesOf(layer.format, layer.inputs);
  for (int64_t first = 0; first < count; first += gemm.columns) {
    const int64_t left = count - first, columns = left < gemm.columns ? left : gemm.columns;
    for (int64_t i = 0; i < columns; i++) {
      unpack(layer.weights + (column + first + i) * rowBytes, k, depth, rows + i * deepestStrip);
    }
    gemm.packB({rows, 1, deepestStrip}, 0, depth, 0, columns, strips + first * depth);
  }
}

}  // namespace

void setActivationDigits(int digits) { chosenDigits.store(digits, std::memory_order_relaxed); }

int activationDigits() { return chosenDigits.load(std::memory_order_relaxed); }

bool packedLinear(const PackedLinear& layer, const float* x, int64_t rows, float* y) {
  if (rows == 0 || layer.outputs == 0) return true;
  const int digits = activationDigits();
  const bool tiles = digits > 0 && tilesFit(layer.format);
  if (rows <= (tiles ? onePassRows : gemvRowLimit) || layer.inputs == 0) {
    for (int64_t first = 0; first < rows; first += maximumGemvRows) {
      const int64_t left = rows - first, count = left < maximumGemvRows ? left : maximumGemvRows;
      if (!gemv(layer, x + first * layer.inputs, count, y + first * layer.outputs)) return false;
    }
    return true;
  }
  if (tiles) return tileLinears(&layer, 1, x, rows, &y, digits);
  const MatrixF32 left = {x, layer.inputs, 1};
  if (!gemmF32From(left, {packWeights, &layer}, y, rows, layer.outputs, layer.inputs)) return false;
  if (layer.bias != nullptr) addBias(layer.bias, layer.outputs, rows, y);
  return true;
}

}  // namespace kvfold
