#include "../args/column-attention.h"
#include "../device/warp.h"
#include "../math/bf16.h"

extern "C" __global__ void __launch_bounds__(256) kvfold_bf16_planes(const kvfold::Bf16PlanesArgs args) {
  using namespace kvfold;
  const int64_t count = args.count * args.dims, first = static_cast<int64_t>(blockIdx.x) * 1024 + threadIdx.x;
  for (int64_t i = first; i < count && i < first + 1024; i += 256) {
    const int64_t vector = i / args.dims, dim = i % args.dims;
    const float value = dim < args.headDim ? at<const float>(args.x)[vector * args.headDim + dim] * args.factor : 0;
    const uint16_t main = floatToBf16(value);
    at<uint16_t>(args.main)[i] = main;
    if (args.rest != 0) at<uint16_t>(args.rest)[i] = floatToBf16(value - bf16ToFloat(main));
  }
}
KVFOLD_KERNEL(kvfold_bf16_planes, kvfold::Bf16PlanesArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_column_attention_delta(const kvfold::ColumnDeltaArgs args) {
  using namespace kvfold;
  const int64_t query = static_cast<int64_t>(blockIdx.x) * 8 + threadIdx.x / 32;
  if (query >= args.count) return;
  float sum = 0;
  for (int i = threadIdx.x & 31; i < args.headDim; i += 32) {
    sum += at<const float>(args.out)[query * args.headDim + i] * at<const float>(args.dOut)[query * args.headDim + i];
  }
  sum = warpSum(sum);
  if ((threadIdx.x & 31) == 0) at<float>(args.delta)[query] = sum - (args.dLse == 0 ? 0 : at<const float>(args.dLse)[query]);
}
KVFOLD_KERNEL(kvfold_column_attention_delta, kvfold::ColumnDeltaArgs)
