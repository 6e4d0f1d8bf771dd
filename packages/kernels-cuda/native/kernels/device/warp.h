// Sums and maxima over the lanes of a warp or a block; every lane gets the result.
#pragma once
#include "platform.h"

namespace kvfold {

/** Over the lanes that differ in the bits of `from`, 2 `from`, ... up to 16. */
template <int from = 1>
KVFOLD_DEVICE float warpSum(float value) {
  KVFOLD_UNROLL
  for (int step = from; step < 32; step *= 2) value += __shfl_xor_sync(wholeWarp, value, step);
  return value;
}

template <int from = 1>
KVFOLD_DEVICE float warpMax(float value) {
  KVFOLD_UNROLL
  for (int step = from; step < 32; step *= 2) value = fmaxf(value, __shfl_xor_sync(wholeWarp, value, step));
  return value;
}

KVFOLD_DEVICE int warpSum(int value) {
  KVFOLD_UNROLL
  for (int step = 1; step < 32; step *= 2) value += __shfl_xor_sync(wholeWarp, value, step);
  return value;
}

/** Sum of the lanes up to and with this one. */
KVFOLD_DEVICE int warpScan(int value) {
  const int lane = threadIdx.x & 31;
  KVFOLD_UNROLL
  for (int step = 1; step < 32; step *= 2) {
    const int before = __shfl_up_sync(wholeWarp, value, step);
    if (lane >= step) value += before;
  }
  return value;
}

struct Add {
  KVFOLD_DEVICE static float join(float a, float b) { return a + b; }
  static constexpr float none = 0;
};
struct Maximum {
  KVFOLD_DEVICE static float join(float a, float b) { return fmaxf(a, b); }
  static constexpr float none = -3.4028235e38f;
};

/** Over a one-dimensional block of whole warps; `scratch` is 32 floats of shared memory, free again after the call. */
template <class Join>
KVFOLD_DEVICE float blockJoin(float value, float* scratch) {
  KVFOLD_UNROLL
  for (int step = 1; step < 32; step *= 2) value = Join::join(value, __shfl_xor_sync(wholeWarp, value, step));
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  if (warps == 1) return value;
  if (lane == 0) scratch[warp] = value;
  __syncthreads();
  value = lane < warps ? scratch[lane] : Join::none;
  KVFOLD_UNROLL
  for (int step = 1; step < 32; step *= 2) value = Join::join(value, __shfl_xor_sync(wholeWarp, value, step));
  __syncthreads();
  return value;
}

KVFOLD_DEVICE float blockSum(float value, float* scratch) { return blockJoin<Add>(value, scratch); }
KVFOLD_DEVICE float blockMax(float value, float* scratch) { return blockJoin<Maximum>(value, scratch); }

}  // namespace kvfold
