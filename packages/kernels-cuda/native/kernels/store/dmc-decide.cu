#include "../args/dmc-decide.h"
#include "../math/dmc.h"

extern "C" __global__ void __launch_bounds__(256, 1) kvfold_dmc_decide(const kvfold::DmcDecideArgs args) {
  using namespace kvfold;
  const int64_t token = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
  if (token >= args.count) return;
  const int64_t lane = token / args.tokens, t = token % args.tokens;
  const float* q = at<const float>(args.q) + (lane * args.group * args.tokens + t) * args.headDim + args.channel;
  float importance = 0;
  for (int head = 0; head < args.group; head++) importance += q[static_cast<int64_t>(head) * args.tokens * args.headDim];
  const float neuron = at<const float>(args.k)[token * args.headDim + args.channel];
  at<float>(args.merge)[token] = dmcMerges(neuron, args.offset, args.edge) ? 1 : 0;
  at<float>(args.omega)[token] = dmcOmega(__fdividef(importance, static_cast<float>(args.group)), args.offset, args.epsilon);
}
KVFOLD_KERNEL(kvfold_dmc_decide, kvfold::DmcDecideArgs)
