// What the emulated driver knows: handles that live, memory, work that waits on streams, and errors that a test asked for.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "../addon/driver/driver-calls.h"

namespace kvfold::driver_emulator {

using Work = std::function<void()>;

/** Device memory lies in the host's, between guard bytes. */
struct Allocation {
  unsigned char* block;
  size_t bytes;
};

/** An error that a test wants: `result` for the call of this symbol after `skip` others, once. */
struct Injection {
  cuda::Result result;
  int skip;
};

struct State {
  std::mutex lock;

  // What a test sets.
  int version = 13000;
  int devices = 1;
  size_t memoryBytes = size_t{1} << 30;
  cuda::Result initResult = cuda::success;
  std::map<std::string, Injection> injections;

  // What the addon made.
  bool initialized = false;
  int contextUses = 0;
  std::map<cuda::Address, Allocation> memory;
  size_t usedBytes = 0;
  std::map<void*, size_t> pinned;
  std::set<cuda::Stream> streams;
  std::set<cuda::Event> events;
  std::set<cuda::Module> modules;
  std::set<cuda::Function> functions;
  std::set<cuda::Graph> graphs;
  std::set<cuda::GraphExec> execs;
  /** What the emulated cuBLASLt made. */
  std::set<void*> blasObjects;
  int64_t products = 0;
  int64_t launches = 0;
  int64_t calls = 0;

  /** An error of the device that every later call gives, as the driver does. */
  cuda::Result sticky = cuda::success;
  /** What was wrong, in words. */
  std::vector<std::string> problems;
};

State& state();

/** Notes something that must not happen, and gives the result for it. */
cuda::Result problem(cuda::Result result, const std::string& what);

/** Runs what waits on all streams. */
cuda::Result drain();

/** Puts work on a stream, or into the graph that it records. */
cuda::Result enqueue(cuda::Stream stream, Work work);

/** Checks that a range lies in one allocation. */
bool inMemory(cuda::Address address, size_t bytes);

/** Compares the guard bytes of an allocation with what they were. */
void checkGuards(cuda::Address address, const Allocation& allocation);

/** Gives back everything, and every setting its default. */
void reset();

/** The state as JSON. */
std::string report();

}  // namespace kvfold::driver_emulator

namespace kvfold::cuda {

struct StreamBody {
  std::vector<driver_emulator::Work> waiting;
  GraphBody* recording = nullptr;
};
struct EventBody {
  bool timed;
  double milliseconds = -1;
};
struct ModuleBody {
  std::vector<FunctionBody*> functions;
};
struct FunctionBody {
  const void* kernel;
  std::string name;
  int allowedShared = 48 * 1024;
};
struct GraphBody {
  std::vector<driver_emulator::Work> work;
};
struct GraphExecBody {
  std::vector<driver_emulator::Work> work;
};

}  // namespace kvfold::cuda
