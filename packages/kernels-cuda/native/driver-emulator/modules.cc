// Modules, kernels and launches of the emulated driver. A module's image is a fatbin, which only has to look like one: the
// kernels are those that were compiled into this library.
#include <cstring>
#include <memory>

#include "../emulator/emulator.h"
#include "calls.h"

namespace kvfold::cuda {

using namespace driver_emulator;

Result cuModuleLoadData(Module* module, const void* image) {
  KVFOLD_BEGIN(true);
  constexpr unsigned char fatbin[] = {0x50, 0xed, 0x55, 0xba};
  if (memcmp(image, fatbin, sizeof fatbin) != 0) return 200;
  s.modules.insert(*module = new ModuleBody());
  return success;
}

Result cuModuleUnload(Module module) {
  KVFOLD_BEGIN(true);
  drain();
  if (s.modules.erase(module) == 0) return problem(400, "a module unloaded that does not live");
  for (Function function : module->functions) {
    s.functions.erase(function);
    delete function;
  }
  delete module;
  return success;
}

Result cuModuleGetFunction(Function* function, Module module, const char* name) {
  KVFOLD_BEGIN(true);
  if (s.modules.count(module) == 0) return problem(400, "a kernel of a module that does not live");
  const emulator::Kernel* kernel = emulator::lookup(name);
  if (kernel == nullptr) return 500;
  s.functions.insert(*function = new FunctionBody{kernel, name});
  module->functions.push_back(*function);
  return success;
}

Result cuFuncGetAttribute(int* value, int attribute, Function function) {
  KVFOLD_BEGIN(true);
  if (s.functions.count(function) == 0) return problem(400, "an attribute of a kernel that does not live");
  switch (attribute) {
    case functionMaxThreads: *value = 1024; return success;
    case functionRegisters: *value = 32; return success;
    case functionLocalBytes:
    case functionSharedBytes: *value = 0; return success;
    default: return problem(invalidValue, "an attribute of kernels that the emulator does not know");
  }
}

Result cuFuncSetAttribute(Function function, int attribute, int value) {
  KVFOLD_BEGIN(true);
  if (s.functions.count(function) == 0) return problem(400, "an attribute of a kernel that does not live");
  if (attribute != functionMaxDynamicShared || value < 0) return problem(invalidValue, "an attribute that cannot be set");
  if (value > 227 * 1024) return invalidValue;
  function->allowedShared = value;
  return success;
}

/** The argument buffer of a launch; false when the marks are not the documented ones. */
static bool readExtra(void** extra, const void*& values, size_t& bytes) {
  const auto mark = [&](int i) { return reinterpret_cast<uintptr_t>(extra[i]); };
  if (extra == nullptr || mark(0) != launchBuffer || mark(2) != launchBufferSize || mark(4) != launchEnd) return false;
  values = extra[1];
  bytes = *static_cast<size_t*>(extra[3]);
  return true;
}

Result cuLaunchKernel(Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                      unsigned blockZ, unsigned sharedBytes, Stream stream, void** parameters, void** extra) {
  KVFOLD_BEGIN(true);
  if (s.functions.count(function) == 0) return problem(400, "a kernel launched that does not live");
  const auto wrong = [&](const char* what) { return problem(invalidValue, function->name + ": " + what); };
  const void* values = nullptr;
  size_t bytes = 0;
  if (parameters != nullptr || !readExtra(extra, values, bytes)) return wrong("arguments that are not one buffer");
  const emulator::Kernel& kernel = *static_cast<const emulator::Kernel*>(function->kernel);
  if (bytes != kernel.argsBytes) {
    return wrong(("takes " + std::to_string(kernel.argsBytes) + " bytes of arguments, not " + std::to_string(bytes)).c_str());
  }
  if (gridX == 0 || gridY == 0 || gridZ == 0 || gridX > 2147483647u || gridY > 65535 || gridZ > 65535) return wrong("a grid out of range");
  if (blockX == 0 || blockY == 0 || blockZ == 0 || blockZ > 64 || size_t{blockX} * blockY * blockZ > 1024) return wrong("a block out of range");
  if (sharedBytes > static_cast<unsigned>(function->allowedShared)) return wrong("more shared memory than it was allowed");
  const std::shared_ptr<char> copy(new char[bytes], std::default_delete<char[]>());
  memcpy(copy.get(), values, bytes);
  const emulator::Launch launch = {{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes};
  return enqueue(stream, [function, name = function->name, entry = kernel.entry, copy, launch] {
    state().launches++;
    const char* what = emulator::run(entry, copy.get(), launch);
    if (what != nullptr) state().sticky = problem(719, name + ": " + what);
  });
}

}  // namespace kvfold::cuda
