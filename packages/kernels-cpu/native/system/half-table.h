// All half-precision values as float32: the scales of blocks are looked up, which costs a load in place of a conversion.
#pragma once

namespace kvfold {

/** 65,536 floats, by the bits of the half; filled before any kernel runs. */
extern const float* const halfTable;

}  // namespace kvfold
