#include "lane-work.h"

extern "C" __global__ void __launch_bounds__(128, 1) kvfold_lane_reserve(const kvfold::LaneMoveArgs args) {
  const int lane = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (lane < args.lanes) kvfold::reserveLane(args, lane);
}
KVFOLD_KERNEL(kvfold_lane_reserve, kvfold::LaneMoveArgs)

extern "C" __global__ void __launch_bounds__(256, 1) kvfold_lane_move(const kvfold::LaneMoveArgs args) {
  kvfold::moveEntry(args, static_cast<int>(blockIdx.y), static_cast<int>(blockIdx.x * 8 + threadIdx.x / 32));
}
KVFOLD_KERNEL(kvfold_lane_move, kvfold::LaneMoveArgs)

extern "C" __global__ void __launch_bounds__(256, 1) kvfold_lane_release(const kvfold::LaneShareArgs args) {
  __shared__ int scratch[32];
  kvfold::releaseLanes(args, scratch);
}
KVFOLD_KERNEL(kvfold_lane_release, kvfold::LaneShareArgs)

extern "C" __global__ void __launch_bounds__(128, 1) kvfold_lane_hold(const kvfold::LaneShareArgs args) {
  const int index = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (index < args.count) kvfold::holdLane(args, index);
}
KVFOLD_KERNEL(kvfold_lane_hold, kvfold::LaneShareArgs)

extern "C" __global__ void __launch_bounds__(128, 1) kvfold_lane_own_last(const kvfold::LaneShareArgs args) {
  __shared__ int scratch[2];
  kvfold::ownLastPage(args, scratch);
}
KVFOLD_KERNEL(kvfold_lane_own_last, kvfold::LaneShareArgs)

extern "C" __global__ void __launch_bounds__(256, 1) kvfold_read_entries(const kvfold::ReadEntriesArgs args) {
  __shared__ __align__(16) float rooms[8][4 * 256];
  const int slot = static_cast<int>(blockIdx.x * 8 + threadIdx.x / 32);
  if (slot < args.slots) kvfold::readEntry(args, static_cast<int>(blockIdx.y), slot, rooms[threadIdx.x / 32]);
}
KVFOLD_KERNEL(kvfold_read_entries, kvfold::ReadEntriesArgs)

extern "C" __global__ void __launch_bounds__(256, 1) kvfold_write_entries(const kvfold::WriteEntriesArgs args) {
  __shared__ __align__(16) float rooms[8][2 * 256];
  kvfold::writeEntry(args, static_cast<int>(blockIdx.y), static_cast<int>(blockIdx.x * 8 + threadIdx.x / 32), rooms[threadIdx.x / 32]);
}
KVFOLD_KERNEL(kvfold_write_entries, kvfold::WriteEntriesArgs)

extern "C" __global__ void __launch_bounds__(256, 1) kvfold_read_column(const kvfold::ColumnArgs args) {
  using namespace kvfold;
  const int slot = static_cast<int>(blockIdx.x * 256 + threadIdx.x), lane = storeLaneOf(args.rows, args.store.kvHeads, static_cast<int>(blockIdx.y));
  if (slot >= args.slots) return;
  const bool real = slot < at<const int>(args.store.lengths)[lane];
  at<int>(args.values)[static_cast<int64_t>(blockIdx.y) * args.slots + slot] = real ? *columnNumber(args, lane, slot) : 0;
}
KVFOLD_KERNEL(kvfold_read_column, kvfold::ColumnArgs)

extern "C" __global__ void __launch_bounds__(256, 1) kvfold_write_column(const kvfold::ColumnArgs args) {
  using namespace kvfold;
  const int slot = static_cast<int>(blockIdx.x * 256 + threadIdx.x), lane = storeLaneOf(args.rows, args.store.kvHeads, static_cast<int>(blockIdx.y));
  if (slot >= args.slots || slot >= at<const int>(args.store.lengths)[lane]) return;
  *columnNumber(args, lane, slot) = at<const int>(args.values)[static_cast<int64_t>(blockIdx.y) * args.slots + slot];
}
KVFOLD_KERNEL(kvfold_write_column, kvfold::ColumnArgs)

extern "C" __global__ void __launch_bounds__(128, 1) kvfold_end_last(const kvfold::EndLastArgs args) {
  using namespace kvfold;
  const int lane = static_cast<int>(blockIdx.x * 128 + threadIdx.x);
  if (lane >= args.lanes) return;
  const int storeLane = storeLaneOf(args.rows, args.store.kvHeads, lane), length = at<const int>(args.store.lengths)[storeLane];
  if (length == 0) return;
  const ColumnArgs column = {0, 0, args.store, 0, args.store.layout.untilColumn};
  *columnNumber(column, storeLane, length - 1) = at<const int>(args.until)[lane];
}
KVFOLD_KERNEL(kvfold_end_last, kvfold::EndLastArgs)

extern "C" __global__ void __launch_bounds__(128, 1) kvfold_overwrite_plan(const kvfold::OverwritePlanArgs args) {
  kvfold::planOverwrites(args, static_cast<int>(blockIdx.x));
}
KVFOLD_KERNEL(kvfold_overwrite_plan, kvfold::OverwritePlanArgs)
