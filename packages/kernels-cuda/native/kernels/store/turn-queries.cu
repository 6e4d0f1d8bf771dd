#include "../args/turn-queries.h"
#include "entry-write.h"

extern "C" __global__ void __launch_bounds__(256, 1) kvfold_turn_queries(const kvfold::TurnQueriesArgs args) {
  using namespace kvfold;
  const int64_t query = static_cast<int64_t>(blockIdx.x) * 8 + threadIdx.x / 32;
  if (query >= args.count) return;
  const int64_t token = query % args.tokens, head = query / args.tokens % args.queryHeads, row = query / args.tokens / args.queryHeads;
  const int64_t angle = (row * args.tokens + token) * args.half;
  const Turn turn = {args.cos == 0 ? nullptr : at<const float>(args.cos) + angle, args.cos == 0 ? nullptr : at<const float>(args.sin) + angle,
                     args.half, head % args.group < args.blankHeads ? args.blank : noneSuch};
  turnHead(at<const float>(args.q) + query * args.headDim, at<float>(args.out) + query * args.headDim, args.headDim, turn);
}
KVFOLD_KERNEL(kvfold_turn_queries, kvfold::TurnQueriesArgs)
