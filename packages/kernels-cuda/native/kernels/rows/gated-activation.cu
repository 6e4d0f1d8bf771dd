#include "../math/activation.h"
#include "../math/bf16.h"

extern "C" __global__ void __launch_bounds__(256) kvfold_gated_activation(const kvfold::GatedActivationArgs args) {
  using namespace kvfold;
  const int64_t count = args.rows * args.hidden, first = static_cast<int64_t>(blockIdx.x) * 1024 + threadIdx.x;
  for (int64_t i = first; i < count && i < first + 1024; i += 256) {
    const int64_t from = i / args.hidden * args.stride + i % args.hidden;
    const float gate = activate(at<const float>(args.gate)[from], static_cast<Activation>(args.activation)).value;
    const float value = gate * at<const float>(args.up)[from];
    if (args.out != 0) at<float>(args.out)[i] = value;
    if (args.outBf16 != 0) at<uint16_t>(args.outBf16)[i] = floatToBf16(value);
  }
}
KVFOLD_KERNEL(kvfold_gated_activation, kvfold::GatedActivationArgs)

extern "C" __global__ void __launch_bounds__(256)
    kvfold_gated_activation_gradient(const kvfold::GatedActivationGradientArgs args) {
  using namespace kvfold;
  const int64_t count = args.rows * args.hidden, first = static_cast<int64_t>(blockIdx.x) * 1024 + threadIdx.x;
  for (int64_t i = first; i < count && i < first + 1024; i += 256) {
    const int64_t from = i / args.hidden * args.stride + i % args.hidden;
    const Activated gate = activate(at<const float>(args.gate)[from], static_cast<Activation>(args.activation));
    const float pull = at<const float>(args.dOut)[i];
    at<float>(args.dGate)[from] = pull * at<const float>(args.up)[from] * gate.slope;
    at<float>(args.dUp)[from] = pull * gate.value;
  }
}
KVFOLD_KERNEL(kvfold_gated_activation_gradient, kvfold::GatedActivationGradientArgs)
