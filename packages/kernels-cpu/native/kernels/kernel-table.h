// All kernels of one instruction set. The sources in kernels/ are compiled once for each set, into the namespace
// KVFOLD_ISA; kernel-table.cc makes one table of each. A new area of kernels adds one pointer here and there.
#pragma once
#include "gemm-f32.h"

namespace kvfold {

struct KernelTable {
  const GemmF32Kernels* gemmF32;
};

}  // namespace kvfold
