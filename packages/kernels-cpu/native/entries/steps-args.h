// Reads the walk over several dimensions that src/walk.ts writes, and keeps it inside its arrays.
#pragma once
#include "../elementwise/steps.h"
#include "../napi-args.h"

namespace kvfold {

/**
 * Arguments `index` (Int32Array of sizes, distances of x, distances of y, `rank` of each) and `index + 1` (rank). The
 * elements that the walk reaches must lie below `xLength` and `yLength`; throws a RangeError otherwise.
 */
Steps readSteps(Args& args, int index, int64_t xLength, int64_t yLength);

}  // namespace kvfold
