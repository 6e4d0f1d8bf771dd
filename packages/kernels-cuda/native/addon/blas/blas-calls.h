// The functions, types and constants of NVIDIA's cuBLASLt that the addon uses (cuBLAS 12 and 13 agree on them), so that it
// compiles without a toolkit: X(name here, parameters); the exported symbol is cublasLt and the name, the result a status.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../driver/driver-types.h"

namespace kvfold::blas {

using Status = int;
struct HandleBody;
struct DescBody;
struct LayoutBody;
struct PreferenceBody;
using Handle = HandleBody*;
using Desc = DescBody*;
using Layout = LayoutBody*;
using Preference = PreferenceBody*;
struct Algorithm {
  uint64_t data[8];
};
struct Choice {
  Algorithm algorithm;
  size_t workspaceBytes;
  Status state;
  float waves;
  int reserved[4];
};

constexpr Status ok = 0;
constexpr Status notSupported = 15;
constexpr int typeFloat = 0;
constexpr int typeBf16 = 14;
constexpr int computeFloat = 68;
constexpr int descTransposeA = 3;
constexpr int descTransposeB = 4;
constexpr int layoutBatch = 5;
constexpr int layoutBatchStride = 6;
constexpr int preferenceWorkspace = 1;

// clang-format off
#define KVFOLD_BLAS_CALLS(X)                                                                                            \
  X(Create, (Handle* handle))                                                                                         \
  X(Destroy, (Handle handle))                                                                                         \
  X(MatmulDescCreate, (Desc* desc, int computeType, int scaleType))                                                   \
  X(MatmulDescDestroy, (Desc desc))                                                                                   \
  X(MatmulDescSetAttribute, (Desc desc, int attribute, const void* value, size_t bytes))                              \
  X(MatrixLayoutCreate, (Layout* layout, int type, uint64_t rows, uint64_t columns, int64_t stride))                  \
  X(MatrixLayoutDestroy, (Layout layout))                                                                             \
  X(MatrixLayoutSetAttribute, (Layout layout, int attribute, const void* value, size_t bytes))                        \
  X(MatmulPreferenceCreate, (Preference* preference))                                                                 \
  X(MatmulPreferenceDestroy, (Preference preference))                                                                 \
  X(MatmulPreferenceSetAttribute, (Preference preference, int attribute, const void* value, size_t bytes))            \
  X(MatmulAlgoGetHeuristic, (Handle handle, Desc desc, Layout a, Layout b, Layout c, Layout d, Preference preference, \
    int wanted, Choice* choices, int* found))                                                                         \
  X(Matmul, (Handle handle, Desc desc, const void* alpha, const void* a, Layout layoutA, const void* b,               \
    Layout layoutB, const void* beta, const void* c, Layout layoutC, void* d, Layout layoutD,                         \
    const Algorithm* algorithm, void* workspace, size_t workspaceBytes, cuda::Stream stream))
// clang-format on

}  // namespace kvfold::blas
