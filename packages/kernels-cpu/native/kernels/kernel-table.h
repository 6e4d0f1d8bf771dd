// All kernels of one instruction set. The sources in kernels/ are compiled once for each set, into the namespace
// KVFOLD_ISA; kernel-table.cc makes one table of each. A new area of kernels adds one pointer here and there.
#pragma once
#include "activation.h"
#include "attention.h"
#include "binary.h"
#include "ceilings.h"
#include "coded-gemv.h"
#include "column-attention.h"
#include "convert.h"
#include "dense-tile.h"
#include "dmc-pool.h"
#include "entries.h"
#include "gemm-f32.h"
#include "gemv.h"
#include "norm.h"
#include "reduce.h"
#include "rows.h"
#include "scaled-tile.h"
#include "skinny.h"
#include "softmax.h"
#include "super-gemv.h"
#include "tile-gemm.h"
#include "unary.h"
#include "wide-gemv.h"

namespace kvfold {

struct KernelTable {
  const CeilingKernels* ceilings;
  const GemmF32Kernels* gemmF32;
  const GemvKernels* gemv;
  const SkinnyKernels* skinny;
  const CodedGemvKernels* codedGemv;
  const WideGemvKernels* wideGemv;
  const SuperGemvKernels* superGemv;
  const TileGemmKernels* tileGemm;
  const ScaledTileKernels* scaledTile;
  const DenseTileKernels* denseTile;
  const EntryKernels* entries;
  const AttentionKernels* attention;
  const ActivationKernels* activation;
  const UnaryKernels* unary;
  const BinaryKernels* binary;
  const ConvertKernels* convert;
  const ReduceKernels* reduce;
  const SoftmaxKernels* softmax;
  const NormKernels* norm;
  const RowKernels* rows;
  const ColumnAttentionKernels* columnAttention;
  const DmcPoolKernels* dmcPool;
};

}  // namespace kvfold
