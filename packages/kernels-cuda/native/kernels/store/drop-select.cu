// Which entries stay. Scores become whole numbers of the same order; the one that the last kept entry has is found bit by bit.
#include "../args/lane-work.h"
#include "lane-work.h"

namespace kvfold {

/** Larger for entries that stay longer. */
KVFOLD_DEVICE uint32_t dropKey(const DropSelectArgs& args, int lane, int slot) {
  if (slot >= args.slots) return 0x80000000u;
  const int64_t place = static_cast<int64_t>(lane) * args.slots + slot;
  if (args.scores == 0) return static_cast<uint32_t>(at<const int>(args.intScores)[place]) ^ 0x80000000u;
  const float score = at<const float>(args.scores)[place];
  if (!(score == score)) return 0;
  const uint32_t bits = __float_as_uint(score == 0 ? 0.0f : score);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/** Sum over the block. */
KVFOLD_DEVICE int countBlock(int value, int* scratch) {
  value = warpSum(value);
  if ((threadIdx.x & 31) == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();
  int total = 0;
  for (int i = 0; i < static_cast<int>(dropSelectThreads) / 32; i++) total += scratch[i];
  __syncthreads();
  return total;
}

/** Lanes of a call that compete: one, or the heads of a row. */
struct DropLanes {
  int first;
  int count;
};

template <class Fits>
KVFOLD_DEVICE int countEntries(const DropSelectArgs& args, const DropLanes& lanes, int* scratch, Fits&& fits) {
  int own = 0;
  for (int lane = lanes.first; lane < lanes.first + lanes.count; lane++) {
    const int length = at<const int>(args.lengths)[storeLaneOf(args.rows, args.kvHeads, lane)];
    for (int slot = threadIdx.x; slot < length; slot += static_cast<int>(dropSelectThreads)) own += fits(lane, slot) ? 1 : 0;
  }
  return countBlock(own, scratch);
}

/** The largest number of which at least `wanted` entries have one as large, for a number of an entry that `numberOf` gives. */
template <class NumberOf>
KVFOLD_DEVICE uint32_t rankOf(const DropSelectArgs& args, const DropLanes& lanes, int wanted, int* scratch, NumberOf&& numberOf) {
  uint32_t found = 0;
  for (int bit = 31; bit >= 0; bit--) {
    const uint32_t trial = found | 1u << bit;
    const int count = countEntries(args, lanes, scratch, [&](int lane, int slot) { return numberOf(lane, slot) >= trial; });
    if (count >= wanted) found = trial;
  }
  return found;
}

/** Writes the slots of a lane that stay, in order. */
template <class Stays>
KVFOLD_DEVICE void writeOrder(const DropSelectArgs& args, int lane, int* scratch, Stays&& stays) {
  const int length = at<const int>(args.lengths)[storeLaneOf(args.rows, args.kvHeads, lane)];
  int* order = at<int>(args.order) + static_cast<int64_t>(lane) * args.orderSlots;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  int written = 0;
  for (int first = 0; first < length; first += static_cast<int>(dropSelectThreads)) {
    const int slot = first + static_cast<int>(threadIdx.x);
    const int stay = slot < length && stays(slot) ? 1 : 0;
    const int upTo = warpScan(stay);
    if ((threadIdx.x & 31) == 31) scratch[warp] = upTo;
    __syncthreads();
    int place = written + upTo - stay;
    for (int i = 0; i < static_cast<int>(dropSelectThreads) / 32; i++) {
      place += i < warp ? scratch[i] : 0;
      written += scratch[i];
    }
    if (stay != 0) order[place] = slot;
    __syncthreads();
  }
  if (threadIdx.x == 0) at<int>(args.newLengths)[lane] = written;
}

KVFOLD_DEVICE void dropLowest(const DropSelectArgs& args, const DropLanes& lanes, int keep, int* scratch) {
  const int all = countEntries(args, lanes, scratch, [](int, int) { return true; });
  uint32_t key = 0, age = 0;
  if (keep < all && keep > 0) {
    key = rankOf(args, lanes, keep, scratch, [&](int lane, int slot) { return dropKey(args, lane, slot); });
    const int above = countEntries(args, lanes, scratch, [&](int lane, int slot) { return dropKey(args, lane, slot) > key; });
    // of equal scores the older stay: their rank counts down with slots, then with heads
    age = rankOf(args, lanes, keep - above, scratch, [&](int lane, int slot) {
      const uint32_t rank = 0xffffffffu - (static_cast<uint32_t>(slot) * static_cast<uint32_t>(lanes.count) + static_cast<uint32_t>(lane - lanes.first));
      return dropKey(args, lane, slot) == key ? rank : 0u;
    });
  }
  for (int lane = lanes.first; lane < lanes.first + lanes.count; lane++) {
    writeOrder(args, lane, scratch, [&](int slot) {
      if (keep >= all) return true;
      const uint32_t own = dropKey(args, lane, slot);
      const uint32_t rank = 0xffffffffu - (static_cast<uint32_t>(slot) * static_cast<uint32_t>(lanes.count) + static_cast<uint32_t>(lane - lanes.first));
      return keep > 0 && (own > key || (own == key && rank >= age));
    });
  }
}

}  // namespace kvfold

extern "C" __global__ void __launch_bounds__(kvfold::dropSelectThreads, 1) kvfold_drop_select(const kvfold::DropSelectArgs args) {
  using namespace kvfold;
  __shared__ int scratch[32];
  const DropRule rule = static_cast<DropRule>(args.rule);
  const int block = static_cast<int>(blockIdx.x), row = rule == DropRule::lowestOfRow ? block : block / args.kvHeads;
  const int keep = args.keep == 0 ? 0 : at<const int>(args.keep)[row];
  if (rule == DropRule::range) {
    const int length = at<const int>(args.lengths)[storeLaneOf(args.rows, args.kvHeads, block)];
    writeOrder(args, block, scratch, [&](int slot) { return slot < args.from || slot >= length - keep; });
  } else if (rule == DropRule::below) {
    writeOrder(args, block, scratch, [&](int slot) {
      if (slot >= args.slots) return 0 >= args.threshold;
      const int64_t place = static_cast<int64_t>(block) * args.slots + slot;
      const float score = args.scores == 0 ? static_cast<float>(at<const int>(args.intScores)[place]) : at<const float>(args.scores)[place];
      return score >= args.threshold;
    });
  } else if (rule == DropRule::lowest) {
    dropLowest(args, {block, 1}, keep, scratch);
  } else {
    dropLowest(args, {block * args.kvHeads, args.kvHeads}, keep * args.kvHeads, scratch);
  }
}
KVFOLD_KERNEL(kvfold_drop_select, kvfold::DropSelectArgs)
