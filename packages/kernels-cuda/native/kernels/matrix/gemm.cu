// All forms of a product; n: as written, t: turned.
#include "gemm-kernel.h"

extern "C" __global__ void __launch_bounds__(256) kvfold_gemm_nn_large(const kvfold::GemmArgs args) {
  kvfold::gemmLarge<false, false>(args);
}
KVFOLD_KERNEL(kvfold_gemm_nn_large, kvfold::GemmArgs)

extern "C" __global__ void __launch_bounds__(128) kvfold_gemm_nn_small(const kvfold::GemmArgs args) {
  kvfold::gemmSmall<false, false>(args);
}
KVFOLD_KERNEL(kvfold_gemm_nn_small, kvfold::GemmArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_gemm_nt_large(const kvfold::GemmArgs args) {
  kvfold::gemmLarge<false, true>(args);
}
KVFOLD_KERNEL(kvfold_gemm_nt_large, kvfold::GemmArgs)

extern "C" __global__ void __launch_bounds__(128) kvfold_gemm_nt_small(const kvfold::GemmArgs args) {
  kvfold::gemmSmall<false, true>(args);
}
KVFOLD_KERNEL(kvfold_gemm_nt_small, kvfold::GemmArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_gemm_tn_large(const kvfold::GemmArgs args) {
  kvfold::gemmLarge<true, false>(args);
}
KVFOLD_KERNEL(kvfold_gemm_tn_large, kvfold::GemmArgs)

extern "C" __global__ void __launch_bounds__(128) kvfold_gemm_tn_small(const kvfold::GemmArgs args) {
  kvfold::gemmSmall<true, false>(args);
}
KVFOLD_KERNEL(kvfold_gemm_tn_small, kvfold::GemmArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_gemm_tt_large(const kvfold::GemmArgs args) {
  kvfold::gemmLarge<true, true>(args);
}
KVFOLD_KERNEL(kvfold_gemm_tt_large, kvfold::GemmArgs)

extern "C" __global__ void __launch_bounds__(128) kvfold_gemm_tt_small(const kvfold::GemmArgs args) {
  kvfold::gemmSmall<true, true>(args);
}
KVFOLD_KERNEL(kvfold_gemm_tt_small, kvfold::GemmArgs)
