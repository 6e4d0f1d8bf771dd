#include "kernel-table.h"

namespace kvfold::KVFOLD_ISA {

// Each is defined by the source of its area.
extern const CeilingKernels ceilingKernels;
extern const GemmF32Kernels gemmF32Kernels;
extern const GemvKernels gemvKernels;
extern const SkinnyKernels skinnyKernels;
extern const CodedGemvKernels codedGemvKernels;
extern const TileGemmKernels tileGemmKernels;

extern const KernelTable kernelTable;
const KernelTable kernelTable = {
    &ceilingKernels,
    &gemmF32Kernels,
    &gemvKernels,
    &skinnyKernels,
    &codedGemvKernels,
    &tileGemmKernels,
};

}  // namespace kvfold::KVFOLD_ISA
