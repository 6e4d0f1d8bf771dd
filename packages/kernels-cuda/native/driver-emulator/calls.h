// Start of every emulated call.
#pragma once
#include "state.h"

#define KVFOLD_EXPORT extern "C" __attribute__((visibility("default")))

namespace kvfold::cuda {
// The same prototypes as the addon's table, so that a definition with others does not compile.
#define KVFOLD_DECLARE(name, symbol, parameters) KVFOLD_EXPORT Result symbol parameters;
KVFOLD_DRIVER_CALLS(KVFOLD_DECLARE)
#undef KVFOLD_DECLARE
}  // namespace kvfold::cuda

namespace kvfold::driver_emulator {

/** What a call must answer before it does anything: an error that was asked for, or one that stuck. */
cuda::Result begin(const char* symbol, bool needsContext);

}  // namespace kvfold::driver_emulator

/** Takes the lock and answers at once when there is something to answer. */
#define KVFOLD_BEGIN(needsContext)                                            \
  State& s = state();                                                         \
  const std::lock_guard<std::mutex> guard(s.lock);                            \
  if (const Result early = begin(__func__, needsContext); early != success) return early
