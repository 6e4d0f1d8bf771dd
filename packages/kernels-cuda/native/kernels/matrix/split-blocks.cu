#include "../args/packed-linear.h"
#include "../device/platform.h"

extern "C" __global__ void __launch_bounds__(256) kvfold_split_blocks(const kvfold::SplitBlocksArgs args) {
  using namespace kvfold;
  const BlockPart part = args.parts.part[blockIdx.y];
  const int64_t count = args.blocks * part.bytes, first = static_cast<int64_t>(blockIdx.x) * 4096 + threadIdx.x;
  const unsigned char* from = at<const unsigned char>(args.from) + part.offset;
  for (int64_t i = first; i < count && i < first + 4096; i += 256) {
    at<unsigned char>(args.planes[blockIdx.y])[i] = from[i / part.bytes * args.parts.bytes + i % part.bytes];
  }
}
KVFOLD_KERNEL(kvfold_split_blocks, kvfold::SplitBlocksArgs)
