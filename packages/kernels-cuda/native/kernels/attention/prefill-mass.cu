#include "../args/prefill-mass.h"
#include "../store/lane-work.h"
#include "../math/fast-exp.h"

namespace kvfold {

/** From when to when an entry is seen, and where it stands. */
struct SeenEntry {
  int from;
  int until;
  int position;
};

KVFOLD_DEVICE SeenEntry seenEntry(const PrefillAttentionArgs& args, int lane, int storeLane, int slot) {
  const EntryLayout& layout = args.store.layout;
  const int fresh = slot - at<const int>(args.oldLengths)[lane] + 1, inPage = slot % layout.pageSlots;
  const int* columns = reinterpret_cast<const int*>(pageOf(args.store, storeLane, slot) + layout.columnsOffset);
  return {fresh < 0 ? 0 : at<const int>(args.from)[static_cast<int64_t>(lane) * (args.tokens + 1) + fresh],
          layout.untilColumn < 0 ? noEnd : columns[layout.untilColumn * layout.pageSlots + inPage],
          layout.positionColumn < 0 ? slot : columns[layout.positionColumn * layout.pageSlots + inPage]};
}

KVFOLD_DEVICE bool isSeen(const PrefillAttentionArgs& args, const SeenEntry& entry, int query) {
  const int distance = query - entry.position;
  return query >= entry.from && query < entry.until && distance < args.window && (entry.position < args.sinks || distance < args.recent);
}

/** What an entry got, by a warp; its key lies in shared memory. */
KVFOLD_DEVICE float massOf(const PrefillMassArgs& mass, int lane, const SeenEntry& entry, const float* key, int count) {
  const PrefillAttentionArgs& args = mass.attention;
  const int headDim = args.store.layout.headDim, position = at<const int>(args.positions)[lane / args.store.kvHeads];
  float sum = 0;
  for (int t = count > mass.queries ? count - mass.queries : 0; t < count; t++) {
    if (!isSeen(args, entry, position + t)) continue;
    for (int head = 0; head < args.group; head++) {
      const int64_t query = (static_cast<int64_t>(lane) * args.group + head) * args.tokens + t;
      const float* q = at<const float>(args.q) + query * headDim;
      float product = 0;
      for (int i = threadIdx.x & 31; i < headDim; i += 32) product += q[i] * key[i];
      product = warpSum(product);
      sum += exp2Fast((product * args.scale - at<const float>(args.lse)[query]) * log2OfE);
    }
  }
  return __fdividef(sum, static_cast<float>(args.group));
}

}  // namespace kvfold

extern "C" __global__ void __launch_bounds__(256) kvfold_prefill_mass(const kvfold::PrefillMassArgs args) {
  using namespace kvfold;
  __shared__ float keys[8][256];
  const LaneStore& store = args.attention.store;
  const int lane = static_cast<int>(blockIdx.y), warp = static_cast<int>(threadIdx.x) / 32, thread = threadIdx.x & 31;
  const int storeLane = storeLaneOf(args.attention.rows, store.kvHeads, lane), length = at<const int>(store.lengths)[storeLane];
  const int count = at<const int>(args.attention.counts)[lane / store.kvHeads];
  for (int i = warp; i < prefillMassEntries; i += 8) {
    const int slot = static_cast<int>(blockIdx.x) * prefillMassEntries + i;
    if (slot >= args.slots) break;
    float mass = 0;
    if (slot < length) {
      const unsigned char* page = pageOf(store, storeLane, slot);
      __syncwarp();
      for (int dim = thread; dim < store.layout.headDim; dim += 32) {
        keys[warp][dim] = storedNumber(store.layout, page, slot % store.layout.pageSlots, dim);
      }
      __syncwarp();
      mass = massOf(args, lane, seenEntry(args.attention, lane, storeLane, slot), keys[warp], count);
    }
    if (thread == 0) at<float>(args.mass)[static_cast<int64_t>(lane) * args.slots + slot] = mass;
  }
}
KVFOLD_KERNEL(kvfold_prefill_mass, kvfold::PrefillMassArgs)
