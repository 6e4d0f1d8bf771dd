// Plans of launches, and the division of tiles, for random sizes: what kernels rely on holds.
#include <set>

#include "../kernels/args/cache-chunk.h"
#include "../kernels/args/column-attention.h"
#include "../kernels/args/gemm.h"
#include "../kernels/args/prefill-exact.h"
#include "../kernels/attention/tile-owner.h"
#include "check.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

KVFOLD_TEST(tileShares) {
  Numbers numbers(1);
  for (int round = 0; round < 300; round++) {
    const int lanes = 1 + static_cast<int>(numbers.below(40)), warps = 1 + static_cast<int>(numbers.below(60));
    std::vector<int> starts = {0};
    for (int i = 0; i < lanes; i++) starts.push_back(starts.back() + 1 + static_cast<int>(numbers.below(round % 2 == 0 ? 3 : 50)));
    const TileShare share(starts.back(), warps);
    check(share.begin(0) == 0 && share.begin(share.workers) == starts.back() && share.workers <= warps, "all tiles, no more warps than there are");
    std::set<int> slots;
    int least = starts.back(), most = 0;
    for (int worker = 0; worker < share.workers; worker++) {
      const int begin = share.begin(worker), end = share.begin(worker + 1);
      least = end - begin < least ? end - begin : least;
      most = end - begin > most ? end - begin : most;
      int lane = laneOfTile(starts.data(), lanes, begin);
      check(starts[lane] <= begin && begin < starts[lane + 1], "lane of a tile");
      for (int tile = begin; tile < end; tile++) check(share.owner(tile) == worker, "tile %d belongs to warp %d", tile, worker);
      for (; lane < lanes && starts[lane] < end; lane++) check(slots.insert(worker + lane).second, "a slot for each pair of warp and lane");
    }
    check(most - least <= 1, "warps get %d to %d tiles", least, most);
    check(slots.empty() || *slots.rbegin() < warps + lanes, "slots end at %d", warps + lanes);
  }
}

KVFOLD_TEST(launchPlans) {
  // shared memory of a block and of a multiprocessor: 8.0, 8.6 and 8.9 and 12.0, 9.0 and 10.0
  const DecodeDevice devices[] = {{108, 166912, 167936}, {84, 101376, 102400}, {132, 232448, 233472}};
  for (const DecodeDevice& device : devices) {
    for (int codec = 0; codec < entryCodecCount; codec++) {
      for (int dims : headSizes) {
        const EntryCodec own = static_cast<EntryCodec>(codec);
        const DecodeAttentionPlan plan = planDecodeAttention(own, dims, device);
        const int blocks = static_cast<int>(plan.grid) / device.multiprocessors;
        check(plan.block >= 32 && plan.block <= 128 && plan.block % 32 == 0, "decode: a block of %u", plan.block);
        check(static_cast<int>(plan.sharedBytes) <= device.sharedPerBlock, "decode: shared memory of a block");
        check(blocks >= 1 && blocks * (static_cast<int>(plan.sharedBytes) + 1024) <= device.sharedPerMultiprocessor, "decode: %d blocks at once", blocks);
        check(plan.warps == plan.grid * plan.block / 32, "decode: warps");
        check(prefillSharedBytes(own, dims) <= device.sharedPerBlock, "prefill: %d bytes", prefillSharedBytes(own, dims));
        check(prefillExactSharedBytes(dims) <= device.sharedPerBlock, "exact prefill: %d bytes", prefillExactSharedBytes(dims));
        const EntryLayout layout = entryLayout(own, dims - 3, 48, 2, 0, 1, 12);
        check(layout.pageBytes % 128 == 0 && layout.columnsOffset % 16 == 0 && layout.stateBytes % 128 == 0 && layout.ringOffset % 16 == 0, "layout");
      }
    }
    for (int dims : {32, 64, 96, 128}) {
      for (int bytes : {columnSharedBytes(dims), columnGradientSharedBytes(dims), columnExactSharedBytes(dims), columnExactGradientSharedBytes(dims)}) {
        check(bytes <= device.sharedPerBlock, "training: dims %d takes %d bytes", dims, bytes);
      }
    }
  }
  Numbers numbers(2);
  for (int round = 0; round < 500; round++) {
    const int m = 1 + static_cast<int>(numbers.below(2000)), n = 1 + static_cast<int>(numbers.below(9000)), k = 1 + static_cast<int>(numbers.below(9000));
    const GemmPlan plan = planGemm(m, n, k, 1 + static_cast<int>(numbers.below(4)), 132);
    const GemmTile tile = plan.large ? largeGemmTile : smallGemmTile;
    check(plan.tiles * static_cast<uint64_t>(tile.rows * tile.columns) >= static_cast<uint64_t>(m) * n, "gemm: tiles cover the result");
    check(plan.splits >= 1 && plan.splits <= 16 && static_cast<int>(plan.splits - 1) * gemmDepth < k, "gemm: every split has work");
    check(plan.sharedBytes <= 101376 && plan.block <= 256, "gemm: fits everywhere");
  }
}

}  // namespace
