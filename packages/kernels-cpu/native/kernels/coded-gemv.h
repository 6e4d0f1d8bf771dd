// Packed weights times coded activations, see coded-x.h.
#pragma once
#include "coded-x.h"
#include "gemv.h"

namespace kvfold {

struct CodedGemvTask {
  GemvTask task;
  /** The task's rows of x, coded; `codedRowBytes` apart. */
  const uint8_t* coded;
  int64_t codedRowBytes;
  CodedLayout layout;
};

using CodedGemvFunction = void (*)(const CodedGemvTask& task, int64_t begin, int64_t end);

struct CodedGemvKernels {
  /** By format and digits - 1; null where float32 activations are as fast. */
  CodedGemvFunction gemv[weightFormatCount][maximumDigits];
  /** Codes one row for a format. */
  void (*code)(const float* x, int64_t inputs, bool pairs, const CodedLayout& layout, uint8_t* row);
};

}  // namespace kvfold
