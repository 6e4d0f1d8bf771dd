// One device in use: its context, one stream, and everything that was made on them.
#pragma once
#include "../blas/blas.h"
#include "../driver/driver.h"
#include "../growable.h"

namespace kvfold {

/** Pinned memory through which uploads go piece by piece: a piece is filled while the ones before it are on their way. */
struct Staging {
  static constexpr int pieces = 4;
  static constexpr size_t pieceBytes = size_t{1} << 20;
  char* memory = nullptr;
  cuda::Event sent[pieces] = {};
  int next = 0;
};

struct Engine {
  const cuda::Driver* driver = nullptr;
  cuda::Device device = 0;
  cuda::Context context = nullptr;
  cuda::Stream stream = nullptr;
  Staging staging;
  Table<cuda::Module> modules;
  Table<cuda::Function> functions;
  Table<cuda::Event> events;
  Table<cuda::GraphExec> graphs;
  /** cuBLASLt, where the engine uses it. */
  const blas::Library* blas = nullptr;
  blas::Handle blasHandle = nullptr;
  Table<blas::Plan*> blasPlans;
  /** Downloads under way; the engine's memory lives until they are done. */
  int downloads = 0;
  bool retained = false;
  bool recording = false;
  bool disposed = false;
  bool forgotten = false;
};

/** A driver call that failed: which one, and with what. `result` is 0 when none did. */
struct Failure {
  const char* call = nullptr;
  cuda::Result result = cuda::success;
  bool failed() const { return result != cuda::success; }
};

/** Calls the driver unless an earlier call failed; notes the first failure. */
#define KVFOLD_TRY(failure, engine, name, ...)                             \
  do {                                                                     \
    if (!(failure).failed()) {                                             \
      (failure).result = (engine).driver->name(__VA_ARGS__);               \
      if ((failure).failed()) (failure).call = #name;                      \
    }                                                                      \
  } while (false)

/** Takes a device into use. After a failure everything is given back. */
Failure openEngine(Engine& engine, int ordinal);

/** Waits for the stream and gives everything back that the engine made, in the order the driver wants. */
Failure disposeEngine(Engine& engine);

/** Makes the engine's context the calling thread's. */
Failure enter(const Engine& engine);

/** Copies host memory to the device. The host memory may change as soon as this returns. */
Failure upload(Engine& engine, cuda::Address to, const void* from, size_t bytes);

/** Copies device memory to the host and waits for it. */
Failure download(Engine& engine, void* to, cuda::Address from, size_t bytes);

}  // namespace kvfold
