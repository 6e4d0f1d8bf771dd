// Where each lane's tiles start in the row of all tiles, by one block.
#pragma once
#include "../args/decode-attention.h"
#include "../device/warp.h"

namespace kvfold {

/** A lane without entries has a tile too: somebody must write its zeros. */
KVFOLD_HOST_DEVICE int tilesOf(int length) { return length <= tileEntries ? 1 : (length + tileEntries - 1) / tileEntries; }

/** By all threads of a block of whole warps; `scratch` is 33 ints of shared memory. */
KVFOLD_DEVICE void planTiles(const AttentionPlanArgs& args, int* scratch) {
  const int lanes = args.rowCount * args.kvHeads * args.passes, threads = static_cast<int>(blockDim.x);
  const int* lengths = at<const int>(args.lengths);
  int* starts = at<int>(args.tileStarts);
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  int base = 0;
  for (int first = 0; first < lanes; first += threads) {
    const int own = first + static_cast<int>(threadIdx.x);
    int tiles = 0;
    if (own < lanes) {
      const int perRow = args.kvHeads * args.passes, row = own / perRow;
      const int storeRow = args.rows == 0 ? row : at<const int>(args.rows)[row];
      tiles = tilesOf(__ldcg(lengths + storeRow * args.kvHeads + own % perRow / args.passes));
    }
    const int upTo = warpScan(tiles);
    if (lane == 31) scratch[warp] = upTo;
    __syncthreads();
    if (warp == 0) {
      const int total = warpScan(lane < threads / 32 ? scratch[lane] : 0);
      __syncwarp();
      scratch[lane + 1] = total;
      if (lane == 0) scratch[0] = 0;
    }
    __syncthreads();
    if (own < lanes) starts[own] = base + scratch[warp] + upTo - tiles;
    base += scratch[32];
    __syncthreads();
  }
  if (threadIdx.x == 0) starts[lanes] = base;
}

}  // namespace kvfold
