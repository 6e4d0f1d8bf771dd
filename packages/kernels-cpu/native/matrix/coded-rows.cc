#include "coded-rows.h"

#include "../kernels/coded-x.h"
#include "../system/memory-pool.h"
#include "../system/runtime.h"

namespace kvfold {
namespace {

// A piece of work reads at least this much of the weights: less would cost more to hand out than to do.
constexpr int64_t pieceBytes = 8192;

CodedGemvFunction codedFunction(WeightFormat format, int digits) {
  return digits == 0 ? nullptr : kernels().codedGemv->gemv[static_cast<int>(format)][digits - 1];
}

auto wideFunction(WeightFormat format, int digits) {
  return digits == 0 ? nullptr : kernels().wideGemv->gemv[static_cast<int>(format)][digits - 1];
}

auto superFunction(WeightFormat format, int digits) {
  return digits == 0 ? nullptr : kernels().superGemv->gemv[static_cast<int>(format)][digits - 1];
}

}  // namespace

CodedRows::Coding CodedRows::codingOf(WeightFormat format) const {
  if (rows_ == 1 && wideFunction(format, digits_) != nullptr) return wide;
  if (rows_ == 1 && superFunction(format, digits_) != nullptr) return super;
  if (codedFunction(format, digits_) == nullptr) return floats;
  return pairsBlocks(format) ? pairs : plain;
}

int64_t CodedRows::bytesOf(Coding coding) const {
  if (coding == wide) return wideLayout(inputs_, digits_).bytes();
  if (coding == super) return superLayout(inputs_, digits_).bytes();
  return codedLayout(inputs_, digits_).bytes() * rows_;
}

CodedRows::~CodedRows() {
  for (int i = 0; i < codings; i++) {
    if (coded_[i] != nullptr) poolGive(coded_[i], bytesOf(static_cast<Coding>(i)));
  }
}

bool CodedRows::prepare(WeightFormat format) {
  const Coding coding = codingOf(format);
  if (coding == floats || coded_[coding] != nullptr) return true;
  uint8_t* rows = static_cast<uint8_t*>(poolTake(bytesOf(coding)));
  coded_[coding] = rows;
  if (rows == nullptr) return false;
  if (coding == wide) {
    kernels().wideGemv->code(x_, inputs_, wideLayout(inputs_, digits_), rows);
    return true;
  }
  if (coding == super) {
    kernels().superGemv->code(x_, superLayout(inputs_, digits_), rows);
    return true;
  }
  const CodedLayout layout = codedLayout(inputs_, digits_);
  for (int r = 0; r < rows_; r++) {
    kernels().codedGemv->code(x_ + r * inputs_, inputs_, coding == pairs, layout, rows + r * layout.bytes());
  }
  return true;
}

void CodedRows::multiply(const PackedLinear& layer, int64_t begin, int64_t end, float* y) const {
  const GemvTask task = {layer.weights, rowBytesOf(layer.format, inputs_), inputs_, x_, rows_, y, layer.outputs, layer.bias};
  const Coding coding = codingOf(layer.format);
  if (coding == floats) {
    kernels().gemv->exact[static_cast<int>(layer.format)](task, begin, end);
  } else if (coding == wide) {
    wideFunction(layer.format, digits_)({task, coded_[wide], wideLayout(inputs_, digits_)}, begin, end);
  } else if (coding == super) {
    superFunction(layer.format, digits_)({task, coded_[super], superLayout(inputs_, digits_)}, begin, end);
  } else {
    const CodedLayout layout = codedLayout(inputs_, digits_);
    codedFunction(layer.format, digits_)({task, coded_[coding], layout.bytes(), layout}, begin, end);
  }
}

int64_t pieceOutputs(const PackedLinear& layer) {
  const int64_t rowBytes = rowBytesOf(layer.format, layer.inputs);
  return rowBytes == 0 ? (layer.outputs + 3) / 4 * 4 + 4 : (pieceBytes / rowBytes + 4) / 4 * 4;
}

}  // namespace kvfold
