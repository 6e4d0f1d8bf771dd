#include "coded-rows.h"

#include "../kernels/coded-x.h"
#include "../system/memory-pool.h"
#include "../system/runtime.h"

namespace kvfold {
namespace {

// A piece of work reads at least this much of the weights: less would cost more to hand out than to do.
constexpr int64_t pieceBytes = 16384;

CodedGemvFunction codedFunction(WeightFormat format, int digits) {
  return digits == 0 ? nullptr : kernels().codedGemv->gemv[static_cast<int>(format)][digits - 1];
}

}  // namespace

CodedRows::~CodedRows() {
  const int64_t bytes = codedLayout(inputs_, digits_).bytes() * rows_;
  for (uint8_t* coded : coded_) {
    if (coded != nullptr) poolGive(coded, bytes);
  }
}

bool CodedRows::prepare(WeightFormat format) {
  const bool pairs = pairsBlocks(format);
  if (coded_[pairs] != nullptr || codedFunction(format, digits_) == nullptr) return true;
  const CodedLayout layout = codedLayout(inputs_, digits_);
  coded_[pairs] = static_cast<uint8_t*>(poolTake(layout.bytes() * rows_));
  if (coded_[pairs] == nullptr) return false;
  for (int r = 0; r < rows_; r++) {
    kernels().codedGemv->code(x_ + r * inputs_, inputs_, pairs, layout, coded_[pairs] + r * layout.bytes());
  }
  return true;
}

void CodedRows::multiply(const PackedLinear& layer, int64_t begin, int64_t end, float* y) const {
  const GemvTask task = {layer.weights, rowBytesOf(layer.format, inputs_), inputs_, x_, rows_, y, layer.outputs, layer.bias};
  const CodedGemvFunction coded = codedFunction(layer.format, digits_);
  if (coded == nullptr) {
    kernels().gemv->exact[static_cast<int>(layer.format)](task, begin, end);
    return;
  }
  const CodedLayout layout = codedLayout(inputs_, digits_);
  coded({task, coded_[pairsBlocks(layer.format)], layout.bytes(), layout}, begin, end);
}

int64_t pieceOutputs(const PackedLinear& layer) {
  const int64_t rowBytes = rowBytesOf(layer.format, layer.inputs);
  return rowBytes == 0 ? (layer.outputs + 3) / 4 * 4 + 4 : (pieceBytes / rowBytes + 4) / 4 * 4;
}

}  // namespace kvfold
