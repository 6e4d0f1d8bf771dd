#include "store.h"

#include <new>

namespace kvfold {

bool LaneTable::select(const LaneTable& from, const int32_t* lanes, int64_t count) {
  Growable<Lane> fresh;
  if (!fresh.resize(count)) return false;
  for (int64_t i = 0; i < count; i++) {
    if (lanes[i] < 0 ? newLane(shape_, fresh[i]) : copyLane(shape_, from[lanes[i]], fresh[i])) continue;
    for (int64_t made = 0; made < i; made++) freeLane(shape_, fresh[made]);
    return false;
  }
  for (Lane& lane : lanes_) freeLane(shape_, lane);
  lanes_.swap(fresh);
  return true;
}

bool LaneTable::copy(const LaneTable& from) {
  Growable<int32_t> all;
  if (!all.resize(from.count())) return false;
  for (int64_t i = 0; i < from.count(); i++) all[i] = static_cast<int32_t>(i);
  return select(from, all.data(), from.count());
}

void LaneTable::clear() {
  for (Lane& lane : lanes_) freeLane(shape_, lane);
  lanes_.resize(0);
}

bool Store::beginSteps(bool overwrites) {
  endStep();
  const int64_t count = table.count();
  steps = static_cast<LaneStep*>(calloc(static_cast<size_t>(count > 0 ? count : 1), sizeof(LaneStep)));
  if (steps == nullptr) return false;
  stepCount = count;
  overwriting = overwrites;
  for (int64_t i = 0; i < count; i++) {
    new (&steps[i]) LaneStep();
    const int64_t length = table[i].length;
    if (!steps[i].from.resize(length)) return false;
    for (int32_t& from : steps[i].from) from = 0;
    if (!overwrites) continue;
    if (!steps[i].gone.resize(length) || !steps[i].place.resize(length)) return false;
    for (int64_t slot = 0; slot < length; slot++) {
      steps[i].gone[slot] = forEver;
      steps[i].place[slot] = static_cast<int32_t>(slot);
    }
  }
  return true;
}

void Store::endStep() {
  for (int64_t i = 0; i < stepCount; i++) steps[i].~LaneStep();
  free(steps);
  steps = nullptr;
  stepCount = 0;
  overwriting = false;
  own.reset();
}

void Store::notePeak() {
  int64_t entries = 0;
  for (int64_t i = 0; i < table.count(); i++) entries += table[i].length;
  peak = entries > peak ? entries : peak;
}

}  // namespace kvfold
