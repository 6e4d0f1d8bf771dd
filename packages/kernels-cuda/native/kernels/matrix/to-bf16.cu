#include "../args/gemm.h"
#include "../math/bf16.h"

extern "C" __global__ void __launch_bounds__(256) kvfold_to_bf16(const kvfold::ToBf16Args args) {
  using namespace kvfold;
  const int64_t count = args.rows * args.ldOut, first = static_cast<int64_t>(blockIdx.x) * 1024 + threadIdx.x;
  for (int64_t i = first; i < count && i < first + 1024; i += 256) {
    const int64_t row = i / args.ldOut, column = i % args.ldOut;
    const float value = column < args.columns ? at<const float>(args.x)[row * args.columns + column] : 0;
    at<uint16_t>(args.out)[i] = floatToBf16(value);
  }
}
KVFOLD_KERNEL(kvfold_to_bf16, kvfold::ToBf16Args)
