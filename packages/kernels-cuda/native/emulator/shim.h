// CUDA's words for g++: what the kernels of this package use of the language, and nothing more.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "emulator.h"
#include "thread.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define __align__(n) __attribute__((aligned(n)))
// blocks of a launch run one after the other, so one copy for each system thread is a block's own
#define __shared__ static

#define threadIdx (kvfold::emulator::self->thread)
#define blockIdx (kvfold::emulator::self->block)
#define blockDim (kvfold::emulator::self->threads)
#define gridDim (kvfold::emulator::self->blocks)

struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

inline void __syncthreads() { kvfold::emulator::syncBlock(); }
inline int __syncthreads_count(int value) { return kvfold::emulator::sumOverBlock(value != 0); }
inline int __syncthreads_or(int value) { return kvfold::emulator::sumOverBlock(value != 0) != 0; }
inline int __syncthreads_and(int value) { return kvfold::emulator::sumOverBlock(value == 0) == 0; }
inline void __threadfence() {}
inline void __threadfence_block() {}

inline void __syncwarp(unsigned = 0xffffffffu) {
  const char nothing = 0;
  kvfold::emulator::exchange(&nothing, 1);
}

namespace kvfold::emulator {

template <class T>
T fromLane(T value, unsigned lane) {
  const Slots slots = exchange(&value, sizeof value);
  T result;
  memcpy(&result, slots[lane & 31], sizeof result);
  return result;
}

inline uint32_t ballot(bool value) {
  const unsigned char mine = value;
  const uint32_t live = liveLanes();
  const Slots slots = exchange(&mine, 1);
  uint32_t votes = 0;
  for (unsigned lane = 0; lane < 32; lane++) {
    if ((live >> lane & 1) != 0 && slots[lane][0] != 0) votes |= 1u << lane;
  }
  return votes;
}

template <class T, class Change>
T atomically(T* at, Change&& next) {
  T old = __atomic_load_n(at, __ATOMIC_RELAXED);
  *at = next(old);
  return old;
}

}  // namespace kvfold::emulator

template <class T>
T __shfl_sync(unsigned, T value, int lane) {
  return kvfold::emulator::fromLane(value, static_cast<unsigned>(lane));
}
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return kvfold::emulator::fromLane(value, kvfold::emulator::self->lane ^ static_cast<unsigned>(mask));
}
template <class T>
T __shfl_up_sync(unsigned, T value, unsigned delta) {
  const unsigned lane = kvfold::emulator::self->lane;
  return kvfold::emulator::fromLane(value, lane < delta ? lane : lane - delta);
}
template <class T>
T __shfl_down_sync(unsigned, T value, unsigned delta) {
  const unsigned lane = kvfold::emulator::self->lane;
  return kvfold::emulator::fromLane(value, lane + delta > 31 ? lane : lane + delta);
}
inline unsigned __ballot_sync(unsigned, bool value) { return kvfold::emulator::ballot(value); }
inline int __any_sync(unsigned, bool value) { return kvfold::emulator::ballot(value) != 0; }
inline int __all_sync(unsigned, bool value) {
  const unsigned live = kvfold::emulator::liveLanes();
  return kvfold::emulator::ballot(value) == live;
}

template <class T>
T __ldg(const T* at) {
  return *at;
}
template <class T>
T __ldcg(const T* at) {
  return *at;
}
template <class T>
T __ldcs(const T* at) {
  return *at;
}
template <class T>
void __stcs(T* at, T value) {
  *at = value;
}

// one system thread runs a launch, and a fiber is never interrupted between a load and a store
template <class T>
T atomicAdd(T* at, T value) {
  return kvfold::emulator::atomically(at, [=](T old) { return static_cast<T>(old + value); });
}
inline float atomicAdd(float* at, float value) {
  const float old = *at;
  *at = old + value;
  return old;
}
template <class T>
T atomicSub(T* at, T value) {
  return kvfold::emulator::atomically(at, [=](T old) { return static_cast<T>(old - value); });
}
template <class T>
T atomicMax(T* at, T value) {
  return kvfold::emulator::atomically(at, [=](T old) { return old > value ? old : value; });
}
template <class T>
T atomicMin(T* at, T value) {
  return kvfold::emulator::atomically(at, [=](T old) { return old < value ? old : value; });
}
template <class T>
T atomicExch(T* at, T value) {
  return kvfold::emulator::atomically(at, [=](T) { return value; });
}
template <class T>
T atomicOr(T* at, T value) {
  return kvfold::emulator::atomically(at, [=](T old) { return static_cast<T>(old | value); });
}
template <class T>
T atomicCAS(T* at, T expected, T value) {
  return kvfold::emulator::atomically(at, [=](T old) { return old == expected ? value : old; });
}

inline float __int_as_float(int bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
inline float __uint_as_float(unsigned bits) { return __int_as_float(static_cast<int>(bits)); }
inline int __float_as_int(float value) {
  int bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline unsigned __float_as_uint(float value) { return static_cast<unsigned>(__float_as_int(value)); }
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __clz(int bits) { return bits == 0 ? 32 : __builtin_clz(static_cast<unsigned>(bits)); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<uint64_t>(a) * b) >> 32);
}
/** Bytes of `a` (0 to 3) and `b` (4 to 7) picked by the four nibbles of a selector. */
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const uint64_t both = static_cast<uint64_t>(b) << 32 | a;
  unsigned picked = 0;
  for (int i = 0; i < 4; i++) picked |= static_cast<unsigned>(both >> (selector >> (4 * i) & 7) * 8 & 0xff) << (8 * i);
  return picked;
}
