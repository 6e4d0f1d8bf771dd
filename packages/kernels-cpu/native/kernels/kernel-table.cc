#include "kernel-table.h"

namespace kvfold::KVFOLD_ISA {

// Each is defined by the source of its area.
extern const CeilingKernels ceilingKernels;
extern const GemmF32Kernels gemmF32Kernels;
extern const GemvKernels gemvKernels;
extern const SkinnyKernels skinnyKernels;
extern const CodedGemvKernels codedGemvKernels;
extern const WideGemvKernels wideGemvKernels;
extern const SuperGemvKernels superGemvKernels;
extern const TileGemmKernels tileGemmKernels;
extern const ScaledTileKernels scaledTileKernels;
extern const DenseTileKernels denseTileKernels;
extern const EntryKernels entryKernels;
extern const AttentionKernels attentionKernels;
extern const ActivationKernels activationKernels;
extern const UnaryKernels unaryKernels;
extern const BinaryKernels binaryKernels;
extern const ConvertKernels convertKernels;
extern const ReduceKernels reduceKernels;
extern const SoftmaxKernels softmaxKernels;
extern const NormKernels normKernels;
extern const RowKernels rowKernels;
extern const ColumnAttentionKernels columnAttentionKernels;
extern const DmcPoolKernels dmcPoolKernels;

extern const KernelTable kernelTable;
const KernelTable kernelTable = {
    &ceilingKernels,
    &gemmF32Kernels,
    &gemvKernels,
    &skinnyKernels,
    &codedGemvKernels,
    &wideGemvKernels,
    &superGemvKernels,
    &tileGemmKernels,
    &scaledTileKernels,
    &denseTileKernels,
    &entryKernels,
    &attentionKernels,
    &activationKernels,
    &unaryKernels,
    &binaryKernels,
    &convertKernels,
    &reduceKernels,
    &softmaxKernels,
    &normKernels,
    &rowKernels,
    &columnAttentionKernels,
    &dmcPoolKernels,
};

}  // namespace kvfold::KVFOLD_ISA
