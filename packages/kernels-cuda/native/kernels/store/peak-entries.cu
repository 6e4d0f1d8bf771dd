#include "../args/peak-entries.h"

#include "../device/warp.h"

extern "C" __global__ void __launch_bounds__(256, 1) kvfold_peak_entries(const kvfold::PeakEntriesArgs args) {
  using namespace kvfold;
  __shared__ uint64_t sums[8];
  uint64_t sum = 0;
  for (int lane = threadIdx.x; lane < args.lanes; lane += 256) sum += static_cast<uint64_t>(at<const int>(args.lengths)[lane]);
  KVFOLD_UNROLL
  for (int step = 1; step < 32; step *= 2) sum += __shfl_xor_sync(wholeWarp, sum, step);
  if ((threadIdx.x & 31) == 0) sums[threadIdx.x >> 5] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  uint64_t all = 0;
  for (const uint64_t part : sums) all += part;
  uint64_t& peak = *at<uint64_t>(args.peak);
  if (all > peak) peak = all;
}
KVFOLD_KERNEL(kvfold_peak_entries, kvfold::PeakEntriesArgs)
