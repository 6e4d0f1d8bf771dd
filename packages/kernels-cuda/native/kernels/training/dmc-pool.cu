#include "dmc-pool.h"

extern "C" __global__ void __launch_bounds__(kvfold::poolThreads) kvfold_dmc_pool(const kvfold::DmcPoolArgs args) {
  kvfold::poolForward(args);
}
KVFOLD_KERNEL(kvfold_dmc_pool, kvfold::DmcPoolArgs)

extern "C" __global__ void __launch_bounds__(kvfold::poolThreads) kvfold_dmc_pool_dots(const kvfold::DmcPoolGradientArgs args) {
  kvfold::poolDots(args);
}
KVFOLD_KERNEL(kvfold_dmc_pool_dots, kvfold::DmcPoolGradientArgs)

extern "C" __global__ void __launch_bounds__(kvfold::poolThreads) kvfold_dmc_pool_gradient(const kvfold::DmcPoolGradientArgs args) {
  kvfold::poolBackward(args);
}
KVFOLD_KERNEL(kvfold_dmc_pool_gradient, kvfold::DmcPoolGradientArgs)
