// Copies between arrays of several dimensions: slices, concatenations, transpositions, repetitions.
#pragma once
#include "../elementwise/steps.h"

namespace kvfold {

/** From `x` to `y`, whose distances are in `steps`, in elements of 1 or 4 bytes. Places of y must not coincide. */
void stridedCopy(int64_t elementBytes, const uint8_t* x, uint8_t* y, const Steps& steps);

}  // namespace kvfold
