#include "../args/cross-entropy.h"
#include "../device/warp.h"
#include "../math/fast-exp.h"

namespace kvfold {

/** ln of the sum of exponentials of a row, read once: each thread keeps a peak and a sum relative to it. */
KVFOLD_DEVICE float rowLse(const float* row, int count, float* scratch) {
  float peak = hiddenScore, sum = 0;
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    const float value = row[i];
    if (value > peak) {
      sum *= expf(peak - value);
      peak = value;
    }
    sum += expf(value - peak);
  }
  const float highest = blockMax(peak, scratch);
  return highest + logf(blockSum(sum * expf(peak - highest), scratch));
}

}  // namespace kvfold

extern "C" __global__ void __launch_bounds__(kvfold::crossEntropyThreads)
    kvfold_cross_entropy(const kvfold::CrossEntropyArgs args) {
  using namespace kvfold;
  __shared__ float scratch[32];
  const float* row = at<const float>(args.logits) + static_cast<int64_t>(blockIdx.x) * args.vocab;
  const int label = at<const int>(args.labels)[blockIdx.x];
  const float weight = args.weights == 0 ? 1 : at<const float>(args.weights)[blockIdx.x];
  const float lse = rowLse(row, args.vocab, scratch);
  if (threadIdx.x != 0) return;
  if (args.lse != 0) at<float>(args.lse)[blockIdx.x] = lse;
  at<float>(args.loss)[blockIdx.x] = label < 0 ? 0 : (lse - row[label]) * weight;
}
KVFOLD_KERNEL(kvfold_cross_entropy, kvfold::CrossEntropyArgs)

extern "C" __global__ void __launch_bounds__(kvfold::crossEntropyThreads)
    kvfold_cross_entropy_gradient(const kvfold::CrossEntropyGradientArgs args) {
  using namespace kvfold;
  __shared__ float scratch[32];
  const int64_t first = static_cast<int64_t>(blockIdx.x) * args.vocab;
  const float* row = at<const float>(args.logits) + first;
  const int label = at<const int>(args.labels)[blockIdx.x];
  const float weight = args.weights == 0 ? 1 : at<const float>(args.weights)[blockIdx.x];
  const float scale = label < 0 ? 0 : at<const float>(args.dy)[blockIdx.x] * weight;
  const float lse = args.lse != 0 ? at<const float>(args.lse)[blockIdx.x] : rowLse(row, args.vocab, scratch);
  for (int i = threadIdx.x; i < args.vocab; i += blockDim.x) {
    at<float>(args.dLogits)[first + i] = label < 0 ? 0 : (expf(row[i] - lse) - (i == label ? 1.0f : 0.0f)) * scale;
  }
}
KVFOLD_KERNEL(kvfold_cross_entropy_gradient, kvfold::CrossEntropyGradientArgs)
