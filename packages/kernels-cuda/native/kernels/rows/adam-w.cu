#include "../args/adam-w.h"
#include "../device/platform.h"

extern "C" __global__ void __launch_bounds__(256) kvfold_adam_w(const kvfold::AdamWArgs args) {
  using namespace kvfold;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * 1024 + threadIdx.x;
  for (int64_t i = first; i < args.count && i < first + 1024; i += 256) {
    const float grad = at<const float>(args.grad)[i];
    const float m = at<const float>(args.m)[i] * args.beta1 + grad * args.oneLessBeta1;
    const float v = at<const float>(args.v)[i] * args.beta2 + grad * grad * args.oneLessBeta2;
    const float move = m / (sqrtf(v * args.vFactor) + args.epsilon) * args.rate;
    at<float>(args.nextParam)[i] = at<const float>(args.param)[i] * args.keep - move;
    at<float>(args.nextM)[i] = m;
    at<float>(args.nextV)[i] = v;
  }
}
KVFOLD_KERNEL(kvfold_adam_w, kvfold::AdamWArgs)
