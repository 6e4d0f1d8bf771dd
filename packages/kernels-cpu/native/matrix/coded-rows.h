// A few rows of activations as the one-pass products with packed weights take them.
#pragma once
#include "packed-linear.h"

namespace kvfold {

/** Coded at most once for each way of coding, however many layers multiply them. */
class CodedRows {
 public:
  /** @param x `[rows, inputs]`, at most `maximumGemvRows`; must outlive this and not change */
  CodedRows(const float* x, int64_t inputs, int64_t rows)
      : x_(x), inputs_(inputs), rows_(static_cast<int>(rows)), digits_(activationDigits()) {}
  ~CodedRows();
  CodedRows(const CodedRows&) = delete;
  CodedRows& operator=(const CodedRows&) = delete;

  /** Codes for a format where it is not done yet. @returns false when there is no memory */
  bool prepare(WeightFormat format);
  /** The outputs `[begin, end)` of a layer whose format was prepared, into `y [rows, outputs]`. */
  void multiply(const PackedLinear& layer, int64_t begin, int64_t end, float* y) const;

 private:
  const float* x_;
  int64_t inputs_;
  int rows_;
  int digits_;
  /** How a format takes the rows. */
  enum Coding { plain, pairs, wide, super, floats };
  static constexpr int codings = 4;
  Coding codingOf(WeightFormat format) const;
  int64_t bytesOf(Coding coding) const;
  uint8_t* coded_[codings] = {nullptr, nullptr, nullptr, nullptr};
};

/** Outputs that are worth handing to a thread as a piece of work; a multiple of four, which kernels compute at once. */
int64_t pieceOutputs(const PackedLinear& layer);

}  // namespace kvfold
