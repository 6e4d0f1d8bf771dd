// Slices by their ids, sums of slices by id, and the tensors that say one id each.
#include "../args/gather.h"
#include "../device/range.h"

namespace kvfold {

template <class T>
KVFOLD_DEVICE void gatherSlices(const GatherArgs& args) {
  const T* x = at<const T>(args.x);
  const int32_t* ids = at<const int32_t>(args.ids);
  T* out = at<T>(args.out);
  const uint64_t all = args.batch * args.outer * args.count * args.slice;
  for (uint64_t i = firstOfThread(); i < all; i += threadsOfGrid()) {
    const uint64_t place = i % args.slice, row = i / args.slice;
    const uint64_t which = row % args.count, outer = row / args.count;
    const int64_t id = ids[outer / args.outer * args.count + which];
    const bool known = id >= 0 && static_cast<uint64_t>(id) < args.size;
    out[i] = known ? x[(outer * args.size + static_cast<uint64_t>(id)) * args.slice + place] : static_cast<T>(0);
  }
}

}  // namespace kvfold

using kvfold::GatherArgs;
using kvfold::OneHotArgs;
using kvfold::SegmentSumArgs;

extern "C" __global__ void __launch_bounds__(256) kvfold_gather(const GatherArgs args) {
  if (args.elementBytes == 4) kvfold::gatherSlices<uint32_t>(args);
  else kvfold::gatherSlices<uint8_t>(args);
}
KVFOLD_KERNEL(kvfold_gather, GatherArgs)

// A block for each segment (grid x) and 256 places of the slice (grid y). Every block looks through all ids, 256 at a time,
// and adds in their order: no atomics, so that the sum is the same every time.
extern "C" __global__ void __launch_bounds__(256) kvfold_segment_sum(const SegmentSumArgs args) {
  __shared__ int32_t found[256];
  const int32_t* ids = kvfold::at<const int32_t>(args.ids);
  const float* x = kvfold::at<const float>(args.x);
  const uint64_t segment = blockIdx.x;
  const uint64_t place = static_cast<uint64_t>(blockIdx.y) * 256 + threadIdx.x;
  float sum = 0;
  for (uint64_t first = 0; first < args.count; first += 256) {
    const uint64_t mine = first + threadIdx.x;
    const bool match = mine < args.count && ids[mine] >= 0 && static_cast<uint64_t>(ids[mine]) == segment;
    found[threadIdx.x] = match;
    if (__syncthreads_or(match)) {
      for (int i = 0; i < 256; i++) {
        if (found[i] != 0 && place < args.slice) sum += x[(first + static_cast<uint64_t>(i)) * args.slice + place];
      }
    }
    __syncthreads();
  }
  if (place < args.slice) kvfold::at<float>(args.out)[segment * args.slice + place] = sum;
}
KVFOLD_KERNEL(kvfold_segment_sum, SegmentSumArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_one_hot(const OneHotArgs args) {
  const int32_t* ids = kvfold::at<const int32_t>(args.ids);
  int32_t* out = kvfold::at<int32_t>(args.out);
  for (uint64_t i = kvfold::firstOfThread(); i < args.n * args.depth; i += kvfold::threadsOfGrid()) {
    const int32_t id = ids[i / args.depth];
    out[i] = id >= 0 && static_cast<uint64_t>(id) == i % args.depth ? args.on : args.off;
  }
}
KVFOLD_KERNEL(kvfold_one_hot, OneHotArgs)
