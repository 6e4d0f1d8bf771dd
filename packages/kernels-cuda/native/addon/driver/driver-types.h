// The types and constants of NVIDIA's driver API that the addon uses, so that it compiles without a toolkit. A test
// compares them with the toolkit's cuda.h where that is present.
#pragma once
#include <cstddef>
#include <cstdint>

namespace kvfold::cuda {

using Result = int;
using Device = int;
using Address = unsigned long long;
struct ContextBody;
struct ModuleBody;
struct FunctionBody;
struct StreamBody;
struct EventBody;
struct GraphBody;
struct GraphExecBody;
using Context = ContextBody*;
using Module = ModuleBody*;
using Function = FunctionBody*;
using Stream = StreamBody*;
using Event = EventBody*;
using Graph = GraphBody*;
using GraphExec = GraphExecBody*;
struct Uuid {
  char bytes[16];
};

constexpr Result success = 0;
constexpr Result invalidValue = 1;
constexpr Result outOfMemory = 2;
constexpr Result notReady = 600;

constexpr int attributeMultiprocessors = 16;
constexpr int attributeMajor = 75;
constexpr int attributeMinor = 76;
constexpr int attributeL2Bytes = 38;
constexpr int attributeSharedEach = 81;
constexpr int attributeSharedOptIn = 97;

constexpr int functionMaxThreads = 0;
constexpr int functionSharedBytes = 1;
constexpr int functionLocalBytes = 3;
constexpr int functionRegisters = 4;
constexpr int functionMaxDynamicShared = 8;

constexpr unsigned streamNonBlocking = 1;
constexpr unsigned eventBlockingSync = 1;
constexpr unsigned eventDisableTiming = 2;
constexpr int captureRelaxed = 2;

/** Marks in the last argument of a launch: a buffer with the kernel's arguments, and its size. */
constexpr uintptr_t launchEnd = 0;
constexpr uintptr_t launchBuffer = 1;
constexpr uintptr_t launchBufferSize = 2;

}  // namespace kvfold::cuda
