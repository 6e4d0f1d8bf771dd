// Functions of whole rows: softmax, running sums.
#include "../args/cumulative.h"
#include "../args/softmax.h"
#include "../device/warp.h"

using kvfold::CumulativeArgs;
using kvfold::SoftmaxArgs;

// A block of whole warps for each row. The sum is of exponentials below 1, so that it never overflows.
extern "C" __global__ void __launch_bounds__(256) kvfold_softmax(const SoftmaxArgs args) {
  __shared__ float scratch[32];
  const float* x = kvfold::at<const float>(args.x) + static_cast<uint64_t>(blockIdx.x) * args.n;
  float* out = kvfold::at<float>(args.out) + static_cast<uint64_t>(blockIdx.x) * args.n;
  float largest = -INFINITY;
  for (uint64_t i = threadIdx.x; i < args.n; i += blockDim.x) largest = fmaxf(largest, x[i]);
  largest = kvfold::blockMax(largest, scratch);
  float sum = 0;
  for (uint64_t i = threadIdx.x; i < args.n; i += blockDim.x) sum += expf(x[i] - largest);
  sum = kvfold::blockSum(sum, scratch);
  if (args.logarithm != 0) {
    const float all = largest + logf(sum);
    for (uint64_t i = threadIdx.x; i < args.n; i += blockDim.x) out[i] = x[i] - all;
  } else {
    const float factor = 1.0f / sum;
    for (uint64_t i = threadIdx.x; i < args.n; i += blockDim.x) out[i] = expf(x[i] - largest) * factor;
  }
}
KVFOLD_KERNEL(kvfold_softmax, SoftmaxArgs)

namespace kvfold {

template <class T>
KVFOLD_DEVICE void cumulate(const CumulativeArgs& args) {
  const uint64_t which = static_cast<uint64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
  if (which >= args.outer * args.inner) return;
  const uint64_t start = which / args.inner * args.n * args.inner + which % args.inner;
  const T* x = at<const T>(args.x) + start;
  T* out = at<T>(args.out) + start;
  const unsigned lane = threadIdx.x & 31;
  const T none = args.product != 0 ? 1 : 0;
  const auto joined = [&](T a, T b) { return args.product != 0 ? a * b : a + b; };
  T carried = none;
  for (uint64_t first = 0; first < args.n; first += 32) {
    const uint64_t place = first + lane;
    const uint64_t i = (args.reverse != 0 ? args.n - 1 - place : place) * args.inner;
    T value = place < args.n ? x[i] : none;
    for (unsigned step = 1; step < 32; step *= 2) {
      const T before = __shfl_up_sync(wholeWarp, value, step);
      if (lane >= step) value = joined(before, value);
    }
    T previous = __shfl_up_sync(wholeWarp, value, 1);
    if (lane == 0) previous = none;
    if (place < args.n) out[i] = joined(carried, args.exclusive != 0 ? previous : value);
    carried = joined(carried, __shfl_sync(wholeWarp, value, 31));
  }
}

}  // namespace kvfold

// A warp for each pair of an outer and an inner place; blocks of 256 threads.
extern "C" __global__ void __launch_bounds__(256) kvfold_cumulative(const CumulativeArgs args) {
  kvfold::cumulate<float>(args);
}
KVFOLD_KERNEL(kvfold_cumulative, CumulativeArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_cumulative_int(const CumulativeArgs args) {
  kvfold::cumulate<int32_t>(args);
}
KVFOLD_KERNEL(kvfold_cumulative_int, CumulativeArgs)
