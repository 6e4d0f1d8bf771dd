#include "../args/rope.h"
#include "../device/platform.h"

extern "C" __global__ void __launch_bounds__(256) kvfold_rope(const kvfold::RopeArgs args) {
  using namespace kvfold;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= args.count) return;
  const int channel = static_cast<int>(i % args.headDim);
  const int64_t vector = i / args.headDim;
  const float* x = at<const float>(args.x) + vector * args.headDim;
  if (channel >= 2 * args.half) {
    at<float>(args.y)[i] = x[channel];
    return;
  }
  const int64_t token = vector % args.tokens, batch = vector / args.tokens / args.heads;
  const int pair = channel < args.half ? channel : channel - args.half;
  const int64_t angle = ((args.anglesPerBatch != 0 ? batch * args.tokens : 0) + token) * args.half + pair;
  const float cos = at<const float>(args.cos)[angle], sin = at<const float>(args.sin)[angle];
  const float turned = args.back != 0 ? -sin : sin;
  at<float>(args.y)[i] = channel < args.half ? x[channel] * cos - x[channel + args.half] * turned
                                             : x[channel] * cos + x[channel - args.half] * turned;
}
KVFOLD_KERNEL(kvfold_rope, kvfold::RopeArgs)
