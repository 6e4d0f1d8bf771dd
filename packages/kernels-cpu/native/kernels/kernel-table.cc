#include "kernel-table.h"

namespace kvfold::KVFOLD_ISA {

// Each is defined by the source of its area.
extern const GemmF32Kernels gemmF32Kernels;

extern const KernelTable kernelTable;
const KernelTable kernelTable = {
    &gemmF32Kernels,
};

}  // namespace kvfold::KVFOLD_ISA
