// A packed linear layer among the arguments of a call.
#pragma once
#include "../matrix/packed-linear.h"
#include "../napi-args.h"

namespace kvfold {

/** Arguments that a layer takes. */
constexpr int packedLayerArgs = 4;

/** Reads `(format, weights, bias | undefined, outputs)` from argument `first` on and checks that they fit each other. */
PackedLinear packedLayerArg(Args& args, int first, int64_t inputs);

/** True when `rows` rows of `columns` fit an array. Sizes are below 2^53, but their products may not be. */
static inline bool rowsFit(int64_t length, int64_t rows, int64_t columns) {
  return rows == 0 || columns == 0 || (rows <= length && columns <= length / rows);
}

}  // namespace kvfold
