// One lane's tokens under Dynamic Memory Compression: the state goes from token to token, pages get what segments end with.
#include <cstring>

#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "write.h"

namespace kvfold {
namespace {

/** Adds a token to the open segment and gives the segment's average. */
void fold(const StoreShape& shape, uint8_t* state, const float* item, float omega, bool merges, int64_t position,
          float* pooled) {
  const int64_t width = 2 * shape.dims;
  const int64_t slot = shape.options.window == noWindow ? 0 : position % shape.ringRows;
  float* row = shape.ring(state) + slot * width;
  float* weights = shape.weights(state);
  const bool sums = shape.options.window == noWindow && merges;
  for (int64_t i = 0; i < width; i++) row[i] = (sums ? row[i] : 0) + omega * item[i];
  weights[slot] = (sums ? weights[slot] : 0) + omega;
  int32_t& count = shape.count(state);
  count = merges ? count + 1 : 1;
  if (count == 1) {
    memcpy(pooled, item, static_cast<size_t>(width) * 4);
    return;
  }
  const int64_t members = count < shape.ringRows ? count : shape.ringRows;
  kernels().entries->average(shape.ring(state), weights, shape.ringRows, slot, members, shape.dims, pooled);
}

}  // namespace

bool mergeLane(Store& store, const WriteCall& call, const float* merge, const float* omega, int64_t stepLane) {
  const StoreShape& shape = store.shape();
  const EntryKernels& entries = *kernels().entries;
  const Step& step = call.step;
  const int64_t headDim = shape.options.headDim, dims = shape.dims, width = 2 * dims;
  const int64_t row = stepLane / shape.options.kvHeads;
  const int64_t index = laneOf(store, step, stepLane);
  Lane& lane = store.table[index];
  const Scratch memory(3 * width * 4);
  if (!memory.ok() || !writableState(shape, lane)) return false;
  float* item = memory.as<float>();
  float* pooled = item + width;
  float* turned = pooled + width;
  const int64_t length = step.lengths[row];
  // a lane may have lost its entries; then a merging token opens one all the same
  const auto joins = [&](int64_t t) {
    return step.starts[row] + t > 0 && merge[stepLane * step.tokens + t] > 0.5f;
  };
  for (int64_t t = 0; t < length; t++) {
    const int64_t token = stepLane * step.tokens + t, position = step.starts[row] + t;
    const int64_t angle = (row * step.tokens + t) * call.half;
    entries.turn(call.k + token * headDim, nullptr, nullptr, 0, headDim, dims, call.blank, item);
    entries.turn(call.v + token * headDim, nullptr, nullptr, 0, headDim, dims, -1, item + dims);
    const bool merges = joins(t);
    fold(shape, lane.state, item, omega[token], merges, position, pooled);
    entries.turn(pooled, call.cos == nullptr ? nullptr : call.cos + angle, call.sin == nullptr ? nullptr : call.sin + angle,
                 call.half, headDim, dims, call.blank, turned);
    memcpy(turned + dims, pooled + dims, static_cast<size_t>(dims) * 4);
    if (store.own.size() > 0) memcpy(store.own.data() + token * width, turned, static_cast<size_t>(width) * 4);
    Place place;
    const bool opens = !merges || lane.length == 0;
    if (opens && !appendEntry(shape, lane, place)) return false;
    if (opens && store.steps != nullptr && !store.steps[index].from.push(0)) return false;
    // what the next token supersedes need not be written
    if (t + 1 < length && joins(t + 1)) continue;
    if (!opens && !writableLast(shape, lane, place)) return false;
    const float* stored = shape.options.rotatesAtWrite ? turned : pooled;
    putEntry(shape, place, stored, position, forEver);
    // visible to the queries after its last token; until then each query sees its own state
    if (store.steps != nullptr) store.steps[index].from[lane.length - 1] = static_cast<int32_t>(position + 1);
    if (!shape.keepsOpen()) continue;
    memcpy(shape.open(lane.state), stored, static_cast<size_t>(width) * 4);
    lane.open = true;
  }
  return true;
}

}  // namespace kvfold
