#include "linear-group.h"

#include "../system/memory-pool.h"
#include "../system/thread-pool.h"
#include "coded-rows.h"
#include "tile-linear.h"

namespace kvfold {
namespace {

/** Outputs that kernels compute at once. */
constexpr int64_t quad = 4;

int64_t quadsOf(const PackedLinear& layer) { return (layer.outputs + quad - 1) / quad; }

}  // namespace

bool linearGroup(const LinearGroup& group, const float* x, int64_t rows) {
  if (rows > onePassRows) {
    bool tiles = activationDigits() > 0;
    for (int i = 0; i < group.count; i++) tiles = tiles && tilesFit(group.layers[i].format) && group.layers[i].outputs > 0;
    if (tiles && group.layers[0].inputs > 0) {
      return tileLinears(group.layers, group.count, x, rows, group.y, activationDigits());
    }
    for (int i = 0; i < group.count; i++) {
      if (!packedLinear(group.layers[i], x, rows, group.y[i])) return false;
    }
    return true;
  }
  CodedRows coded(x, group.layers[0].inputs, rows);
  int64_t quads = 0, least = 1;
  for (int i = 0; i < group.count; i++) {
    const PackedLinear& layer = group.layers[i];
    if (!coded.prepare(layer.format)) return false;
    quads += quadsOf(layer);
    const int64_t piece = pieceOutputs(layer) / quad;
    least = piece > least ? piece : least;
  }
  // the layers one after the other, in quads of outputs
  parallelFor(quads, least, [&](int64_t begin, int64_t end) {
    for (int i = 0; i < group.count && end > 0; i++) {
      const PackedLinear& layer = group.layers[i];
      const int64_t own = quadsOf(layer);
      if (begin < own) {
        const int64_t last = end * quad < layer.outputs ? end * quad : layer.outputs;
        coded.multiply(layer, begin * quad, last, group.y[i]);
      }
      begin = begin > own ? begin - own : 0;
      end -= own;
    }
  });
  return true;
}

bool linearOnto(const PackedLinear& layer, const float* x, int64_t rows, const float* residual, float* y) {
  if (rows > onePassRows) {
    // y may be the residual, and the product of many rows overwrites it
    const int64_t columns = layer.outputs;
    const Scratch product(rows * columns * 4);
    if (!product.ok() || !packedLinear(layer, x, rows, product.as<float>())) return false;
    const float* added = product.as<float>();
    parallelFor(rows, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * columns; i < end * columns; i++) y[i] = residual[i] + added[i];
    });
    return true;
  }
  CodedRows coded(x, layer.inputs, rows);
  const Scratch product(rows * layer.outputs * 4);
  if (!product.ok() || !coded.prepare(layer.format)) return false;
  float* added = product.as<float>();
  parallelFor(layer.outputs, pieceOutputs(layer), [&](int64_t begin, int64_t end) {
    coded.multiply(layer, begin, end, added);
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t i = r * layer.outputs + begin; i < r * layer.outputs + end; i++) y[i] = residual[i] + added[i];
    }
  });
  return true;
}

}  // namespace kvfold
