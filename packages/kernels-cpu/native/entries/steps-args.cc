#include "steps-args.h"

namespace kvfold {
namespace {

/** One more than the furthest element; sizes and distances are below 2^31, so that no sum of eight products overflows. */
int64_t reach(int rank, const int64_t* sizes, const int64_t* distances) {
  int64_t furthest = 0;
  for (int i = 0; i < rank; i++) furthest += (sizes[i] - 1) * distances[i];
  return furthest + 1;
}

}  // namespace

Steps readSteps(Args& args, int index, int64_t xLength, int64_t yLength) {
  Steps steps;
  const Span<int32_t> plan = args.ints(index);
  const int64_t rank = args.size(index + 1);
  args.require(rank <= maximumRank && plan.length >= 3 * rank, "a walk has at most 8 dimensions");
  if (!args.ok()) return steps;
  int64_t count = 1;
  bool fits = true;
  steps.rank = static_cast<int>(rank);
  for (int64_t i = 0; i < rank; i++) {
    steps.sizes[i] = plan.data[i];
    steps.x[i] = plan.data[rank + i];
    steps.y[i] = plan.data[2 * rank + i];
    fits = fits && steps.sizes[i] >= 0 && steps.x[i] >= 0 && steps.y[i] >= 0;
    if (fits && count <= int64_t{1} << 40) count *= steps.sizes[i];
  }
  args.require(fits && count <= int64_t{1} << 40, "sizes and distances of a walk must be from 0 to 2^31");
  if (!args.ok() || count == 0) return steps;
  args.require(reach(steps.rank, steps.sizes, steps.x) <= xLength && reach(steps.rank, steps.sizes, steps.y) <= yLength,
               "the walk leaves its arrays");
  return steps;
}

}  // namespace kvfold
