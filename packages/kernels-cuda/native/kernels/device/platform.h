// The first header of every kernel: nvcc's language, or the emulator's words for it.
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#if defined(KVFOLD_TESTS_ON_DEVICE)
#include "../../emulator/emulator.h"
/** Makes a kernel known by its name to the tests that run on a GPU. */
#define KVFOLD_KERNEL(name, Args)                                    \
  static const kvfold::emulator::Registration registrationOf_##name( \
      #name, reinterpret_cast<kvfold::emulator::Entry>(reinterpret_cast<void*>(&name)), sizeof(Args));
#else
#define KVFOLD_KERNEL(name, Args)
#endif
#define KVFOLD_DEVICE __device__ __forceinline__
#define KVFOLD_HOST_DEVICE __host__ __device__ __forceinline__
/** Dynamic shared memory of the block, aligned to 128 bytes. */
#define KVFOLD_DYNAMIC_SHARED(name) extern __shared__ __align__(128) unsigned char name[]
#define KVFOLD_UNROLL _Pragma("unroll")
#define KVFOLD_PRAGMA(text) _Pragma(#text)
#define KVFOLD_UNROLL_BY(count) KVFOLD_PRAGMA(unroll count)
#else
#include "../../emulator/shim.h"
/** Makes a kernel known to the emulator by its name. */
#define KVFOLD_KERNEL(name, Args)                                             \
  static const kvfold::emulator::Registration registrationOf_##name(          \
      #name, [](const void* args) { name(*static_cast<const Args*>(args)); }, sizeof(Args));
#define KVFOLD_DEVICE inline
#define KVFOLD_HOST_DEVICE inline
#define KVFOLD_DYNAMIC_SHARED(name) unsigned char* const name = kvfold::emulator::dynamicShared()
#define KVFOLD_UNROLL
#define KVFOLD_UNROLL_BY(count)
#endif

namespace kvfold {

/** All lanes of a warp. */
constexpr unsigned wholeWarp = 0xffffffffu;

/** A device address of an argument struct as a pointer. */
template <class T>
KVFOLD_DEVICE T* at(uint64_t address) {
  return reinterpret_cast<T*>(address);
}

}  // namespace kvfold
