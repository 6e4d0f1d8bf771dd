#include "write.h"

#include <atomic>
#include <cstring>

#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"

namespace kvfold {
namespace {

/** Tokens that a thread is woken for. */
constexpr int64_t tokensPerPiece = 64;

/** Runs over all lanes of a step; false when one of them had no memory. */
template <class Work>
bool forLanes(const Store& store, const Step& step, Work&& work) {
  std::atomic<bool> ok{true};
  const int64_t lanes = step.rowCount * store.shape().options.kvHeads;
  const int64_t grain = (tokensPerPiece + step.tokens - 1) / (step.tokens > 0 ? step.tokens : 1);
  parallelFor(lanes, grain, [&](int64_t begin, int64_t end) {
    for (int64_t lane = begin; lane < end; lane++) {
      if (!work(lane)) ok.store(false, std::memory_order_relaxed);
    }
  });
  return ok.load(std::memory_order_relaxed);
}

/** The stored form of a token in float32. */
void entryOf(const Store& store, const WriteCall& call, int64_t stepLane, int64_t t, float* entry) {
  const StoreShape& shape = store.shape();
  const int64_t headDim = shape.options.headDim, dims = shape.dims;
  const int64_t token = stepLane * call.step.tokens + t;
  const int64_t angle = (stepLane / shape.options.kvHeads * call.step.tokens + t) * call.half;
  const bool turns = shape.options.rotatesAtWrite && call.cos != nullptr;
  const int64_t blank = shape.options.rotatesAtWrite ? call.blank : -1;
  kernels().entries->turn(call.k + token * headDim, turns ? call.cos + angle : nullptr, turns ? call.sin + angle : nullptr,
                          call.half, headDim, dims, blank, entry);
  kernels().entries->turn(call.v + token * headDim, nullptr, nullptr, 0, headDim, dims, -1, entry + dims);
}

bool setPreviousUntil(const Store& store, Lane& lane, int32_t until) {
  if (lane.length == 0) return true;
  const StoreShape& shape = store.shape();
  Place place;
  if (!writableLast(shape, lane, place)) return false;
  shape.column(place.page, shape.options.untilColumn)[place.slot] = until;
  return true;
}

/** Where the token goes at once: the entry at its slot, or a new one. */
bool overwriteOne(const Store& store, Lane& lane, int32_t slot, Place& place) {
  const int64_t wanted = slot < 0 ? 0 : slot;
  return wanted < lane.length ? writableEntry(store.shape(), lane, wanted, place) : appendEntry(store.shape(), lane, place);
}

/** Plays the overwrites of a chunk in order: who replaces whom, and where everything stands in the end. */
bool planOverwrites(LaneStep& steps, const int32_t* slots, int64_t count, int64_t oldLength, int64_t start) {
  Growable<int32_t> holders;
  if (!holders.resize(oldLength)) return false;
  for (int64_t i = 0; i < oldLength; i++) holders[i] = static_cast<int32_t>(i);
  for (int64_t t = 0; t < count; t++) {
    const int64_t wanted = slots[t] < 0 ? 0 : slots[t];
    const int32_t own = static_cast<int32_t>(oldLength + t);
    if (wanted < holders.size()) {
      steps.gone[holders[wanted]] = static_cast<int32_t>(start + t);
      holders[wanted] = own;
    } else if (!holders.push(own)) {
      return false;
    }
  }
  for (int32_t& place : steps.place) place = -1;
  for (int64_t slot = 0; slot < holders.size(); slot++) steps.place[holders[slot]] = static_cast<int32_t>(slot);
  return true;
}

}  // namespace

void putEntry(const StoreShape& shape, const Place& place, const float* entry, int64_t position, int32_t until) {
  const int codec = static_cast<int>(shape.options.codec);
  kernels().entries->encode[codec](entry, shape.dims, shape.slot(place.page, place.slot),
                                   shape.scales(place.page, place.slot));
  for (int64_t c = 0; c < shape.options.columns; c++) {
    shape.column(place.page, c)[place.slot] = c == shape.options.positionColumn ? static_cast<int32_t>(position)
                                              : c == shape.options.untilColumn  ? until
                                                                                : 0;
  }
}

bool writeAppend(Store& store, const WriteCall& call, const int32_t* until, const int32_t* previousUntil) {
  const Step& step = call.step;
  const StoreShape& shape = store.shape();
  if (step.tokens > 1 && !store.beginSteps(false)) return false;
  const bool ok = forLanes(store, step, [&](int64_t stepLane) {
    const int64_t row = stepLane / shape.options.kvHeads, index = laneOf(store, step, stepLane);
    Lane& lane = store.table[index];
    if (previousUntil != nullptr && !setPreviousUntil(store, lane, previousUntil[stepLane])) return false;
    const Scratch entry(shape.dims * 8);
    if (!entry.ok()) return false;
    for (int64_t t = 0; t < step.lengths[row]; t++) {
      const int64_t position = step.starts[row] + t;
      Place place;
      if (!appendEntry(shape, lane, place)) return false;
      entryOf(store, call, stepLane, t, entry.as<float>());
      putEntry(shape, place, entry.as<float>(), position, until == nullptr ? forEver : until[stepLane * step.tokens + t]);
      if (store.steps != nullptr && !store.steps[index].from.push(static_cast<int32_t>(position))) return false;
    }
    return true;
  });
  store.notePeak();
  return ok;
}

bool writeMerge(Store& store, const WriteCall& call, const float* merge, const float* omega) {
  const Step& step = call.step;
  const StoreShape& shape = store.shape();
  if (step.tokens > 1) {
    const int64_t lanes = step.rowCount * shape.options.kvHeads;
    if (!store.beginSteps(false) || !store.own.resize(lanes * step.tokens * 2 * shape.dims)) return false;
  }
  const bool ok =
      forLanes(store, step, [&](int64_t stepLane) { return mergeLane(store, call, merge, omega, stepLane); });
  store.notePeak();
  return ok;
}

bool writeOverwrite(Store& store, const WriteCall& call, const int32_t* slots) {
  const Step& step = call.step;
  const StoreShape& shape = store.shape();
  const bool several = step.tokens > 1;
  if (several && !store.beginSteps(true)) return false;
  const bool ok = forLanes(store, step, [&](int64_t stepLane) {
    const int64_t row = stepLane / shape.options.kvHeads, index = laneOf(store, step, stepLane);
    Lane& lane = store.table[index];
    const Scratch entry(shape.dims * 8);
    if (!entry.ok()) return false;
    const int64_t before = lane.length;
    const int32_t* own = slots + stepLane * step.tokens;
    for (int64_t t = 0; t < step.lengths[row]; t++) {
      const int64_t position = step.starts[row] + t;
      Place place;
      // what a chunk replaces must stay for the queries before
      const bool placed = several ? appendEntry(shape, lane, place) : overwriteOne(store, lane, own[t], place);
      if (!placed) return false;
      entryOf(store, call, stepLane, t, entry.as<float>());
      putEntry(shape, place, entry.as<float>(), position, forEver);
      if (!several) continue;
      LaneStep& steps = store.steps[index];
      if (!steps.from.push(static_cast<int32_t>(position)) || !steps.gone.push(forEver) || !steps.place.push(-1)) return false;
    }
    return !several || planOverwrites(store.steps[index], own, step.lengths[row], before, step.starts[row]);
  });
  store.notePeak();
  return ok;
}

bool settleOverwrites(Store& store) {
  for (int64_t i = 0; i < store.stepCount; i++) {
    const Growable<int32_t>& place = store.steps[i].place;
    Growable<int32_t> order;
    if (!order.resize(place.size())) return false;
    // slots may have gaps where a drop took entries away: first every entry to its slot, then the gaps close
    for (int32_t& entry : order) entry = -1;
    for (int64_t entry = 0; entry < place.size(); entry++) {
      if (place[entry] >= 0 && place[entry] < order.size()) order[place[entry]] = static_cast<int32_t>(entry);
    }
    int64_t count = 0;
    bool asIs = true;
    for (int64_t slot = 0; slot < order.size(); slot++) {
      if (order[slot] >= 0) order[count++] = order[slot];
    }
    for (int64_t slot = 0; slot < count; slot++) asIs = asIs && order[slot] == slot;
    if (asIs && count == store.table[i].length) continue;
    if (!reorderLane(store.shape(), store.table[i], order.data(), count)) return false;
  }
  return true;
}

}  // namespace kvfold
