// The driver library, loaded once for each path and kept for as long as the process lives.
#pragma once
#include "driver-calls.h"

namespace kvfold::cuda {

/** The driver's functions; every member is set. */
struct Driver {
#define KVFOLD_DRIVER_MEMBER(name, symbol, parameters) Result(*name) parameters = nullptr;
  KVFOLD_DRIVER_CALLS(KVFOLD_DRIVER_MEMBER)
#undef KVFOLD_DRIVER_MEMBER
};

/** What became of a library: a driver, or what is missing. */
struct LoadedDriver {
  const Driver* driver = nullptr;
  /** "library" when it cannot be opened, "symbol" when it lacks a function. */
  const char* problem = nullptr;
  /** The loader's message, or the name of the function. */
  char detail[512] = {};
};

/** Opens the library at `path`; a second call with the same path gives the same driver. */
void loadDriver(const char* path, LoadedDriver& loaded);

}  // namespace kvfold::cuda
