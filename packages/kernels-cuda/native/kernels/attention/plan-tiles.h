// Where each lane's tiles start in the row of all tiles, by one block.
#pragma once
#include "../args/decode-attention.h"
#include "../device/warp.h"

namespace kvfold {

/** A lane without entries has a tile too: somebody must write its zeros. */
KVFOLD_HOST_DEVICE int tilesOf(int length) { return length <= tileEntries ? 1 : (length + tileEntries - 1) / tileEntries; }

/** By all threads of a block of whole warps, each of which takes a stretch of lanes; `scratch` is 33 ints of shared memory. */
KVFOLD_DEVICE void planTiles(const AttentionPlanArgs& args, int* scratch) {
  const int lanes = args.rowCount * args.kvHeads * args.passes, threads = static_cast<int>(blockDim.x);
  const int* lengths = at<const int>(args.lengths);
  const int* rows = at<const int>(args.rows);
  int* starts = at<int>(args.tileStarts);
  const int each = (lanes + threads - 1) / threads, thread = static_cast<int>(threadIdx.x);
  const int first = thread * each < lanes ? thread * each : lanes, end = first + each < lanes ? first + each : lanes;
  const int perRow = args.kvHeads * args.passes;
  // what other blocks have just written is not in this one's first cache
  const auto tilesOfLane = [&](int lane) {
    const int row = lane / perRow, storeRow = args.rows == 0 ? row : rows[row];
    return tilesOf(__ldcg(lengths + storeRow * args.kvHeads + lane % perRow / args.passes));
  };
  int own = 0;
  KVFOLD_UNROLL_BY(4)
  for (int lane = first; lane < end; lane++) own += tilesOfLane(lane);
  const int inWarp = threadIdx.x & 31, warp = thread >> 5;
  const int upTo = warpScan(own);
  if (inWarp == 31) scratch[warp] = upTo;
  __syncthreads();
  if (warp == 0) {
    const int total = warpScan(inWarp < threads / 32 ? scratch[inWarp] : 0);
    __syncwarp();
    scratch[inWarp + 1] = total;
    if (inWarp == 0) scratch[0] = 0;
  }
  __syncthreads();
  int start = scratch[warp] + upTo - own;
  for (int lane = first; lane < end; lane++) {
    starts[lane] = start;
    start += tilesOfLane(lane);
  }
  if (thread == 0) starts[lanes] = scratch[32];
}

}  // namespace kvfold
