#include "../args/rms-norm.h"
#include "../device/warp.h"
#include "../math/bf16.h"

namespace kvfold {

/** 1 / sqrt(mean of squares + epsilon) of a row, by its block. */
KVFOLD_DEVICE float rowScale(float squares, int dim, float epsilon, float* scratch) {
  return 1 / sqrtf(blockSum(squares, scratch) / static_cast<float>(dim) + epsilon);
}

}  // namespace kvfold

extern "C" __global__ void __launch_bounds__(512) kvfold_rms_norm(const kvfold::RmsNormArgs args) {
  using namespace kvfold;
  __shared__ float scratch[32];
  const int64_t first = static_cast<int64_t>(blockIdx.x) * args.dim;
  const float* x = at<const float>(args.x) + first;
  const float* weight = at<const float>(args.weight);
  float squares = 0;
  for (int i = threadIdx.x; i < args.dim; i += blockDim.x) {
    const float value = x[i] + (args.residual == 0 ? 0 : at<const float>(args.residual)[first + i]);
    squares += value * value;
  }
  const float scale = rowScale(squares, args.dim, args.epsilon, scratch);
  for (int i = threadIdx.x; i < args.dim; i += blockDim.x) {
    const float value = x[i] + (args.residual == 0 ? 0 : at<const float>(args.residual)[first + i]);
    const float normed = value * scale * (weight[i] + args.weightOffset);
    if (args.sum != 0) at<float>(args.sum)[first + i] = value;
    if (args.y != 0) at<float>(args.y)[first + i] = normed;
    if (args.yBf16 != 0) at<uint16_t>(args.yBf16)[first + i] = floatToBf16(normed);
  }
}
KVFOLD_KERNEL(kvfold_rms_norm, kvfold::RmsNormArgs)

extern "C" __global__ void __launch_bounds__(512) kvfold_rms_norm_gradient(const kvfold::RmsNormGradientArgs args) {
  using namespace kvfold;
  __shared__ float scratch[32];
  const int64_t first = static_cast<int64_t>(blockIdx.x) * args.dim;
  const float* x = at<const float>(args.x) + first;
  const float* dy = at<const float>(args.dy) + first;
  const float* weight = at<const float>(args.weight);
  float squares = 0, along = 0;
  for (int i = threadIdx.x; i < args.dim; i += blockDim.x) {
    squares += x[i] * x[i];
    along += dy[i] * (weight[i] + args.weightOffset) * x[i];
  }
  const float scale = rowScale(squares, args.dim, args.epsilon, scratch);
  const float pull = blockSum(along, scratch) * scale * scale / static_cast<float>(args.dim);
  for (int i = threadIdx.x; i < args.dim; i += blockDim.x) {
    at<float>(args.dx)[first + i] = scale * (dy[i] * (weight[i] + args.weightOffset) - x[i] * pull);
  }
  if (threadIdx.x == 0) at<float>(args.scales)[blockIdx.x] = scale;
}
KVFOLD_KERNEL(kvfold_rms_norm_gradient, kvfold::RmsNormGradientArgs)

extern "C" __global__ void __launch_bounds__(256)
    kvfold_rms_norm_weight_gradient(const kvfold::RmsNormWeightGradientArgs args) {
  using namespace kvfold;
  __shared__ float sums[8][32];
  __shared__ int isLast;
  const int column = static_cast<int>(blockIdx.x * 32 + threadIdx.x), stretches = static_cast<int>(gridDim.y);
  const int each = (args.rows + stretches - 1) / stretches, first = static_cast<int>(blockIdx.y) * each;
  const int end = first + each < args.rows ? first + each : args.rows;
  float sum = 0;
  for (int row = first + static_cast<int>(threadIdx.y); row < end && column < args.dim; row += 8) {
    const int64_t i = static_cast<int64_t>(row) * args.dim + column;
    sum += at<const float>(args.dy)[i] * at<const float>(args.x)[i] * at<const float>(args.scales)[row];
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && column < args.dim) {
    for (int i = 1; i < 8; i++) sum += sums[i][threadIdx.x];
    at<float>(args.partials)[static_cast<int64_t>(blockIdx.y) * args.dim + column] = sum;
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0 && threadIdx.y == 0) {
    int* arrivals = at<int>(args.arrivals) + blockIdx.x;
    isLast = atomicAdd(arrivals, 1) == stretches - 1;
    if (isLast != 0) *arrivals = 0;
  }
  __syncthreads();
  if (isLast == 0 || threadIdx.y != 0 || column >= args.dim) return;
  __threadfence();
  float total = 0;
  for (int i = 0; i < stretches; i++) total += __ldcg(at<const float>(args.partials) + static_cast<int64_t>(i) * args.dim + column);
  at<float>(args.dWeight)[column] = total;
}
KVFOLD_KERNEL(kvfold_rms_norm_weight_gradient, kvfold::RmsNormWeightGradientArgs)
