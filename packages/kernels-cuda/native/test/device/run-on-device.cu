// What the emulator offers, by a GPU: the same tests then run the compiled kernels.
#include <cuda_runtime.h>

#include <cstdio>
#include <vector>

#include "../../emulator/emulator.h"
#include "../check.h"

namespace kvfold::emulator {
namespace {

struct Table {
  std::vector<Kernel> kernels;
  std::vector<const char*> names;
};

Table& table() {
  static Table all;
  return all;
}

}  // namespace

const Kernel* lookup(const char* name) {
  for (size_t i = 0; i < table().names.size(); i++) {
    if (strcmp(table().names[i], name) == 0) return &table().kernels[i];
  }
  return nullptr;
}

const char* const* kernelNames(size_t& count) {
  count = table().names.size();
  return table().names.data();
}

Registration::Registration(const char* name, Entry entry, size_t argsBytes) {
  table().kernels.push_back({entry, argsBytes});
  table().names.push_back(name);
}

const char* run(Entry entry, const void* args, const Launch& launch) {
  const void* function = reinterpret_cast<const void*>(entry);
  const dim3 grid(launch.grid[0], launch.grid[1], launch.grid[2]), block(launch.block[0], launch.block[1], launch.block[2]);
  cudaError_t result = cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(launch.sharedBytes));
  void* arguments[] = {const_cast<void*>(args)};
  if (result == cudaSuccess) result = cudaLaunchKernel(function, grid, block, arguments, launch.sharedBytes, nullptr);
  if (result == cudaSuccess) result = cudaDeviceSynchronize();
  return result == cudaSuccess ? nullptr : cudaGetErrorString(result);
}

}  // namespace kvfold::emulator

namespace kvfold::test {

void* allocate(size_t bytes) {
  void* memory = nullptr;
  const cudaError_t result = cudaMallocManaged(&memory, bytes > 0 ? bytes : 1);
  if (result == cudaSuccess) return memory;
  printf("no managed memory: %s\n", cudaGetErrorString(result));
  exit(2);
}

void release(void* memory) { cudaFree(memory); }

}  // namespace kvfold::test
