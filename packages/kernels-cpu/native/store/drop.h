// Entries that leave a store. What leaves is chosen here from the scores; nothing of it is read by JavaScript.
#pragma once
#include "store.h"

namespace kvfold {

/** Scores of entries `[rows, kvHeads, slots]` of a step, in one of two types. */
struct Scores {
  const float* floats;
  const int32_t* ints;
  int64_t slots;
  double of(int64_t stepLane, int64_t slot) const {
    const int64_t at = stepLane * slots + slot;
    return floats != nullptr ? static_cast<double>(floats[at]) : static_cast<double>(ints[at]);
  }
};

// All are false when the system has no memory; some lanes may then be done and others not.

/** Drops the slots from `from` up to the newest `keepLast[row]` of each lane. */
bool dropRange(Store& store, const Step& step, int64_t from, const int32_t* keepLast);

/** Drops entries whose score is below a threshold. */
bool dropBelow(Store& store, const Step& step, const Scores& scores, double threshold);

/** Keeps the `keep[row]` highest of each lane, or `keep[row]` a lane on average over the row's heads; ties keep the older. */
bool dropLowest(Store& store, const Step& step, const Scores& scores, const int32_t* keep, bool overRow);

}  // namespace kvfold
