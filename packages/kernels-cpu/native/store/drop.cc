#include "drop.h"

#include <algorithm>


namespace kvfold {
namespace {

/** Takes the same entries away from a number that a running step keeps for each. */
void filter(Growable<int32_t>& values, const Growable<int32_t>& dropped) {
  if (values.size() == 0) return;
  int64_t kept = 0, next = 0;
  for (int64_t slot = 0; slot < values.size(); slot++) {
    if (next < dropped.size() && dropped[next] == slot) {
      next++;
    } else {
      values[kept++] = values[slot];
    }
  }
  values.resize(kept);
}

/** Drops ascending slots of a lane of the store. */
bool dropFrom(Store& store, int64_t index, const Growable<int32_t>& dropped) {
  if (dropped.size() == 0) return true;
  if (!dropEntries(store.shape(), store.table[index], dropped.data(), dropped.size())) return false;
  if (store.steps == nullptr) return true;
  LaneStep& steps = store.steps[index];
  filter(steps.from, dropped);
  filter(steps.gone, dropped);
  filter(steps.place, dropped);
  return true;
}

struct Ranked {
  double score;
  int32_t slot;
  int32_t stepLane;
};

/** Who stays first: higher scores, then older entries, then lower lanes. */
bool staysBefore(const Ranked& a, const Ranked& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.slot != b.slot ? a.slot < b.slot : a.stepLane < b.stepLane;
}

/** Adds a lane's entries; a score that is no number counts as the lowest. */
bool rankLane(const Store& store, const Step& step, const Scores& scores, int64_t stepLane, Growable<Ranked>& ranked) {
  const int64_t length = store.table[laneOf(store, step, stepLane)].length;
  for (int64_t slot = 0; slot < length; slot++) {
    const double score = slot < scores.slots ? scores.of(stepLane, slot) : 0;
    const Ranked entry = {score == score ? score : -__builtin_inf(), static_cast<int32_t>(slot),
                          static_cast<int32_t>(stepLane)};
    if (!ranked.push(entry)) return false;
  }
  return true;
}

/** Moves those that leave behind the first `keep`, and drops them from the lanes `first` to `last`. */
bool dropBehind(Store& store, const Step& step, Growable<Ranked>& ranked, int64_t keep, int64_t first, int64_t last) {
  if (ranked.size() <= keep) return true;
  std::nth_element(ranked.begin(), ranked.begin() + keep, ranked.end(), staysBefore);
  for (int64_t stepLane = first; stepLane < last; stepLane++) {
    Growable<int32_t> dropped;
    for (int64_t i = keep; i < ranked.size(); i++) {
      if (ranked[i].stepLane == stepLane && !dropped.push(ranked[i].slot)) return false;
    }
    std::sort(dropped.begin(), dropped.end());
    if (!dropFrom(store, laneOf(store, step, stepLane), dropped)) return false;
  }
  return true;
}

}  // namespace

bool dropRange(Store& store, const Step& step, int64_t from, const int32_t* keepLast) {
  const int64_t heads = store.shape().options.kvHeads;
  for (int64_t stepLane = 0; stepLane < step.rowCount * heads; stepLane++) {
    const int64_t index = laneOf(store, step, stepLane);
    Growable<int32_t> dropped;
    for (int64_t slot = from; slot < store.table[index].length - keepLast[stepLane / heads]; slot++) {
      if (!dropped.push(static_cast<int32_t>(slot))) return false;
    }
    if (!dropFrom(store, index, dropped)) return false;
  }
  return true;
}

bool dropBelow(Store& store, const Step& step, const Scores& scores, double threshold) {
  const int64_t lanes = step.rowCount * store.shape().options.kvHeads;
  for (int64_t stepLane = 0; stepLane < lanes; stepLane++) {
    const int64_t index = laneOf(store, step, stepLane);
    Growable<int32_t> dropped;
    for (int64_t slot = 0; slot < store.table[index].length; slot++) {
      const bool stays = (slot < scores.slots ? scores.of(stepLane, slot) : 0) >= threshold;
      if (!stays && !dropped.push(static_cast<int32_t>(slot))) return false;
    }
    if (!dropFrom(store, index, dropped)) return false;
  }
  return true;
}

bool dropLowest(Store& store, const Step& step, const Scores& scores, const int32_t* keep, bool overRow) {
  const int64_t heads = store.shape().options.kvHeads;
  for (int64_t row = 0; row < step.rowCount; row++) {
    Growable<Ranked> ranked;
    for (int64_t head = 0; head < heads; head++) {
      const int64_t stepLane = row * heads + head;
      if (!rankLane(store, step, scores, stepLane, ranked)) return false;
      if (overRow) continue;
      if (!dropBehind(store, step, ranked, keep[row], stepLane, stepLane + 1)) return false;
      ranked.resize(0);
    }
    if (overRow && !dropBehind(store, step, ranked, int64_t{keep[row]} * heads, row * heads, (row + 1) * heads)) return false;
  }
  return true;
}

}  // namespace kvfold
