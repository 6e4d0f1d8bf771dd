// Entry points of the machine itself: what it is, threads, memory, mapped files.
#include <cstring>

#include "../entry-point.h"
#include "../napi-args.h"
#include "../system/map-file.h"
#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"

namespace kvfold {
namespace {

void setNumber(napi_env env, napi_value object, const char* name, double value) {
  napi_value number;
  napi_create_double(env, value, &number);
  napi_set_named_property(env, object, name, number);
}

void setText(napi_env env, napi_value object, const char* name, const char* value) {
  napi_value text;
  napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &text);
  napi_set_named_property(env, object, name, text);
}

/** describe() -> { instructionSet, supported: string[], threads, cores } */
napi_value Describe(napi_env env, napi_callback_info) {
  napi_value object, list;
  napi_create_object(env, &object);
  napi_create_array(env, &list);
  uint32_t count = 0;
  for (int i = 0; i < instructionSetCount; i++) {
    const InstructionSet set = static_cast<InstructionSet>(i);
    if (!supports(set)) continue;
    napi_value name;
    napi_create_string_utf8(env, instructionSetName(set), NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, list, count++, name);
  }
  napi_set_named_property(env, object, "supported", list);
  setText(env, object, "instructionSet", instructionSetName(chosenInstructionSet()));
  setNumber(env, object, "threads", threadCount());
  setNumber(env, object, "cores", availableCores());
  return object;
}

/** setThreads(count) */
napi_value SetThreads(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t threads = args.size(0);
  args.require(threads >= 1 && threads <= maximumThreads, "threads must be from 1 to 256");
  if (args.ok()) setThreads(static_cast<int>(threads));
  return nullptr;
}

/** setInstructionSet(name) -> boolean: false when this machine cannot run it */
napi_value SetInstructionSet(napi_env env, napi_callback_info info) {
  Args args(env, info);
  char name[32];
  if (!args.text(0, name, sizeof name)) return nullptr;
  bool done = false;
  for (int i = 0; i < instructionSetCount && !done; i++) {
    const InstructionSet set = static_cast<InstructionSet>(i);
    done = strcmp(name, instructionSetName(set)) == 0 && chooseInstructionSet(set);
  }
  napi_value result;
  napi_get_boolean(env, done, &result);
  return result;
}

void giveToPool(napi_env, void* memory, void* hint) {
  poolGive(memory, static_cast<int64_t>(reinterpret_cast<intptr_t>(hint)));
}

/**
 * allocate(bytes) -> ArrayBuffer of the whole size class, 64-byte aligned, not cleared; undefined when this runtime
 * allows no external memory. The memory goes back to the pool when the buffer is collected.
 */
napi_value Allocate(napi_env env, napi_callback_info info) {
  Args args(env, info);
  args.harmless();
  const int64_t bytes = args.size(0);
  if (!args.ok()) return nullptr;
  const int64_t size = poolClassBytes(bytes);
  void* memory = poolTake(size);
  args.require(memory != nullptr, "out of memory");
  if (!args.ok()) return nullptr;
  napi_value buffer;
  void* hint = reinterpret_cast<void*>(static_cast<intptr_t>(size));
  if (napi_create_external_arraybuffer(env, memory, static_cast<size_t>(size), giveToPool, hint, &buffer) == napi_ok) {
    return buffer;
  }
  poolGive(memory, size);
  return nullptr;
}

/** classBytes(bytes) -> bytes of the buffer that allocate(bytes) gives */
napi_value ClassBytes(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t bytes = args.size(0);
  if (!args.ok()) return nullptr;
  napi_value result;
  napi_create_double(env, static_cast<double>(poolClassBytes(bytes)), &result);
  return result;
}

/** memoryFigures() -> { usedBytes, idleBytes, allocations } of the process */
napi_value Figures(napi_env env, napi_callback_info) {
  const MemoryFigures figures = poolFigures();
  napi_value object;
  napi_create_object(env, &object);
  setNumber(env, object, "usedBytes", static_cast<double>(figures.usedBytes));
  setNumber(env, object, "idleBytes", static_cast<double>(figures.idleBytes));
  setNumber(env, object, "allocations", static_cast<double>(figures.allocations));
  return object;
}

/** trimMemory() */
napi_value TrimMemory(napi_env, napi_callback_info) {
  poolTrim();
  return nullptr;
}

void unmap(napi_env, void* base, void* hint) {
  unmapFile(base, static_cast<int64_t>(reinterpret_cast<intptr_t>(hint)));
}

/** mapFile(path) -> ArrayBuffer over the file; a string with the reason when that fails; undefined for an empty file */
napi_value MapFile(napi_env env, napi_callback_info info) {
  Args args(env, info);
  char path[4097];
  if (!args.text(0, path, sizeof path)) return nullptr;
  const MappedFile mapped = mapFile(path);
  napi_value result;
  if (mapped.error != 0) {
    napi_create_string_utf8(env, strerror(mapped.error), NAPI_AUTO_LENGTH, &result);
    return result;
  }
  if (mapped.base == nullptr) return nullptr;
  void* hint = reinterpret_cast<void*>(static_cast<intptr_t>(mapped.length));
  if (napi_create_external_arraybuffer(env, mapped.base, static_cast<size_t>(mapped.length), unmap, hint, &result) ==
      napi_ok) {
    return result;
  }
  unmapFile(mapped.base, mapped.length);
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) napi_get_and_clear_last_exception(env, &result);
  napi_create_string_utf8(env, "this runtime allows no external memory of this size", NAPI_AUTO_LENGTH, &result);
  return result;
}

/** detach(buffer): empties an ArrayBuffer of allocate or mapFile; its memory is released at once */
napi_value Detach(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value buffer;
  if (napi_get_cb_info(env, info, &count, &buffer, nullptr, nullptr) == napi_ok && count == 1) {
    napi_detach_arraybuffer(env, buffer);
  }
  return nullptr;
}

const EntryPoint entries[] = {
    {"describe", Describe},         {"setThreads", SetThreads},   {"setInstructionSet", SetInstructionSet},
    {"allocate", Allocate},         {"classBytes", ClassBytes},   {"memoryFigures", Figures},
    {"trimMemory", TrimMemory},     {"mapFile", MapFile},         {"detach", Detach},
};

}  // namespace

extern const EntryTable systemEntries;
const EntryTable systemEntries = entryTable(entries);

}  // namespace kvfold
