// Reductions along one dimension. Rows that lie side by side get a block each; columns get a thread each, so that neighbours
// read neighbours. Long dimensions are cut into parts, which a second launch joins: sums have one order, whatever the device.
#include "../args/reduce.h"
#include "../device/range.h"
#include "../device/warp.h"

namespace kvfold {

/** In the order of `reductions` in src/kernels/reduction.ts: sum, largest, smallest, product, any, all. */
template <class T>
KVFOLD_DEVICE T join(int op, T a, T b) {
  switch (op) {
    case 0: return a + b;
    case 1: return a != a ? a : b != b ? b : a > b ? a : b;
    case 2: return a != a ? a : b != b ? b : a < b ? a : b;
    case 3: return a * b;
    case 4: return a || b;
    default: return a && b;
  }
}

template <class T>
struct Limits;
template <>
struct Limits<float> {
  KVFOLD_DEVICE static float none(int op) { return op == 1 ? -INFINITY : op == 2 ? INFINITY : op == 3 ? 1.0f : 0.0f; }
};
template <>
struct Limits<int32_t> {
  KVFOLD_DEVICE static int32_t none(int op) {
    return op == 1 ? -2147483647 - 1 : op == 2 ? 2147483647 : op == 3 || op == 5 ? 1 : 0;
  }
};

KVFOLD_DEVICE float scaled(float value, float scale) { return value * scale; }
KVFOLD_DEVICE int32_t scaled(int32_t value, float) { return value; }

template <class Element, class T>
KVFOLD_DEVICE void reduceRows(const ReduceArgs& args) {
  __shared__ T scratch[32];
  const uint64_t row = blockIdx.x, part = blockIdx.y;
  const uint64_t begin = part * args.length;
  const uint64_t end = begin + args.length < args.n ? begin + args.length : args.n;
  const Element* x = at<const Element>(args.x) + row * args.n;
  T value = Limits<T>::none(args.op);
  for (uint64_t i = begin + threadIdx.x; i < end; i += blockDim.x) value = join(args.op, value, static_cast<T>(x[i]));
  for (int step = 1; step < 32; step *= 2) value = join(args.op, value, __shfl_xor_sync(wholeWarp, value, step));
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  if (warps > 1) {
    if (lane == 0) scratch[warp] = value;
    __syncthreads();
    value = lane < warps ? scratch[lane] : Limits<T>::none(args.op);
    for (int step = 1; step < 32; step *= 2) value = join(args.op, value, __shfl_xor_sync(wholeWarp, value, step));
  }
  if (threadIdx.x == 0) {
    at<Element>(args.out)[row * static_cast<uint64_t>(args.parts) + part] = static_cast<Element>(scaled(value, args.scale));
  }
}

template <class Element, class T>
KVFOLD_DEVICE void reduceColumns(const ReduceArgs& args) {
  const uint64_t parts = static_cast<uint64_t>(args.parts);
  const uint64_t all = args.outer * parts * args.inner;
  for (uint64_t i = firstOfThread(); i < all; i += threadsOfGrid()) {
    const uint64_t column = i % args.inner, part = i / args.inner % parts, row = i / args.inner / parts;
    const uint64_t begin = part * args.length;
    const uint64_t end = begin + args.length < args.n ? begin + args.length : args.n;
    const Element* x = at<const Element>(args.x) + row * args.n * args.inner + column;
    T value = Limits<T>::none(args.op);
    for (uint64_t j = begin; j < end; j++) value = join(args.op, value, static_cast<T>(x[j * args.inner]));
    at<Element>(args.out)[i] = static_cast<Element>(scaled(value, args.scale));
  }
}

}  // namespace kvfold

using kvfold::ArgBestArgs;
using kvfold::ReduceArgs;

// A block of whole warps for each row (grid x) and part (grid y); inner is 1.
extern "C" __global__ void __launch_bounds__(256) kvfold_reduce_rows(const ReduceArgs args) {
  kvfold::reduceRows<float, float>(args);
}
KVFOLD_KERNEL(kvfold_reduce_rows, ReduceArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_reduce_rows_int(const ReduceArgs args) {
  kvfold::reduceRows<int32_t, int32_t>(args);
}
KVFOLD_KERNEL(kvfold_reduce_rows_int, ReduceArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_reduce_rows_bool(const ReduceArgs args) {
  kvfold::reduceRows<uint8_t, int32_t>(args);
}
KVFOLD_KERNEL(kvfold_reduce_rows_bool, ReduceArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_reduce_columns(const ReduceArgs args) {
  kvfold::reduceColumns<float, float>(args);
}
KVFOLD_KERNEL(kvfold_reduce_columns, ReduceArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_reduce_columns_int(const ReduceArgs args) {
  kvfold::reduceColumns<int32_t, int32_t>(args);
}
KVFOLD_KERNEL(kvfold_reduce_columns_int, ReduceArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_reduce_columns_bool(const ReduceArgs args) {
  kvfold::reduceColumns<uint8_t, int32_t>(args);
}
KVFOLD_KERNEL(kvfold_reduce_columns_bool, ReduceArgs)

namespace kvfold {

/** True when element a at place i goes before element b at place j. */
KVFOLD_DEVICE bool isBetter(bool largest, float a, int64_t i, float b, int64_t j) {
  if (i < 0 || j < 0) return j < 0 && i >= 0;
  if (a == b) return i < j;
  return largest ? a > b : a < b;
}

}  // namespace kvfold

// A warp for each pair of a row and an inner place; blocks of 256 threads.
extern "C" __global__ void __launch_bounds__(256) kvfold_arg_best(const ArgBestArgs args) {
  const uint64_t which = static_cast<uint64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
  if (which >= args.rows * args.inner) return;
  const float* x = kvfold::at<const float>(args.x) + which / args.inner * args.n * args.inner + which % args.inner;
  const bool largest = args.largest != 0;
  float best = 0;
  int64_t place = -1;
  for (uint64_t i = threadIdx.x & 31; i < args.n; i += 32) {
    const float value = x[i * args.inner];
    if (value == value && kvfold::isBetter(largest, value, static_cast<int64_t>(i), best, place)) {
      best = value;
      place = static_cast<int64_t>(i);
    }
  }
  for (int step = 1; step < 32; step *= 2) {
    const float other = __shfl_xor_sync(kvfold::wholeWarp, best, step);
    const int64_t otherPlace = __shfl_xor_sync(kvfold::wholeWarp, place, step);
    if (kvfold::isBetter(largest, other, otherPlace, best, place)) {
      best = other;
      place = otherPlace;
    }
  }
  if ((threadIdx.x & 31) == 0) kvfold::at<int32_t>(args.out)[which] = place < 0 ? 0 : static_cast<int32_t>(place);
}
KVFOLD_KERNEL(kvfold_arg_best, ArgBestArgs)
