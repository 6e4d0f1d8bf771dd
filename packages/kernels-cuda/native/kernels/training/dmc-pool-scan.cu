#include "dmc-pool-scan.h"

extern "C" __global__ void __launch_bounds__(kvfold::poolScanThreads) kvfold_dmc_pool_scan(const kvfold::DmcPoolArgs args) {
  kvfold::poolScan(args);
}
KVFOLD_KERNEL(kvfold_dmc_pool_scan, kvfold::DmcPoolArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_dmc_pool_scan_dots(const kvfold::DmcPoolScanGradientArgs args) {
  const int64_t token = static_cast<int64_t>(blockIdx.x) * 8 + threadIdx.x / 32;
  if (token < static_cast<int64_t>(args.lanes) * args.tokens) kvfold::poolScanDots(args, token);
}
KVFOLD_KERNEL(kvfold_dmc_pool_scan_dots, kvfold::DmcPoolScanGradientArgs)

extern "C" __global__ void __launch_bounds__(kvfold::poolScanThreads)
    kvfold_dmc_pool_scan_back(const kvfold::DmcPoolScanGradientArgs args) {
  kvfold::poolScanBack(args);
}
KVFOLD_KERNEL(kvfold_dmc_pool_scan_back, kvfold::DmcPoolScanGradientArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_dmc_pool_scan_gradient(const kvfold::DmcPoolScanGradientArgs args) {
  const int64_t token = static_cast<int64_t>(blockIdx.x) * 8 + threadIdx.x / 32;
  if (token < static_cast<int64_t>(args.lanes) * args.tokens) kvfold::poolScanGradient(args, token);
}
KVFOLD_KERNEL(kvfold_dmc_pool_scan_gradient, kvfold::DmcPoolScanGradientArgs)
