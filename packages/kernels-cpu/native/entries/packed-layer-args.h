// A packed linear layer among the arguments of a call.
#pragma once
#include "../matrix/packed-linear.h"
#include "../napi-args.h"

namespace kvfold {

/** Arguments that a layer takes. */
constexpr int packedLayerArgs = 4;

/** Reads `(format, weights, bias | undefined, outputs)` from argument `first` on and checks that they fit each other. */
PackedLinear packedLayerArg(Args& args, int first, int64_t inputs);

}  // namespace kvfold
