// Memory and copies of the emulated driver.
#include "memory.h"

#include <cstdlib>
#include <cstring>

#include "calls.h"

namespace kvfold::driver_emulator {

void checkGuards(cuda::Address address, const Allocation& allocation) {
  const unsigned char* before = allocation.block;
  const unsigned char* behind = allocation.block + guardBytes + allocation.bytes;
  for (size_t i = 0; i < guardBytes; i++) {
    if (before[i] == guardValue && behind[i] == guardValue) continue;
    problem(cuda::success, "memory of " + std::to_string(allocation.bytes) + " bytes at " + std::to_string(address) +
                               " was written outside of its bounds");
    return;
  }
}

}  // namespace kvfold::driver_emulator

namespace kvfold::cuda {

using namespace driver_emulator;

Result cuMemGetInfo_v2(size_t* free, size_t* total) {
  KVFOLD_BEGIN(true);
  *free = s.memoryBytes - s.usedBytes;
  *total = s.memoryBytes;
  return success;
}

Result cuMemAlloc_v2(Address* address, size_t bytes) {
  KVFOLD_BEGIN(true);
  if (bytes == 0) return problem(invalidValue, "an allocation of 0 bytes");
  if (bytes > s.memoryBytes - s.usedBytes) return outOfMemory;
  const size_t all = (bytes + 2 * guardBytes + 255) / 256 * 256;
  unsigned char* block = static_cast<unsigned char*>(aligned_alloc(256, all));
  if (block == nullptr) return outOfMemory;
  memset(block, guardValue, guardBytes);
  memset(block + guardBytes, freshValue, bytes);
  memset(block + guardBytes + bytes, guardValue, guardBytes);
  *address = reinterpret_cast<Address>(block + guardBytes);
  s.memory[*address] = {block, bytes};
  s.usedBytes += bytes;
  return success;
}

Result cuMemFree_v2(Address address) {
  KVFOLD_BEGIN(true);
  if (const Result result = drain(); result != success) return result;
  const auto found = s.memory.find(address);
  if (found == s.memory.end()) return problem(invalidValue, "memory freed that is not allocated");
  checkGuards(address, found->second);
  s.usedBytes -= found->second.bytes;
  free(found->second.block);
  s.memory.erase(found);
  return success;
}

Result cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  KVFOLD_BEGIN(true);
  if (bytes == 0 || flags > 7) return problem(invalidValue, "pinned memory of no bytes or with unknown flags");
  *pointer = malloc(bytes);
  if (*pointer == nullptr) return outOfMemory;
  s.pinned[*pointer] = bytes;
  return success;
}

Result cuMemFreeHost(void* pointer) {
  KVFOLD_BEGIN(true);
  drain();
  if (s.pinned.erase(pointer) == 0) return problem(invalidValue, "pinned memory freed that is not allocated");
  free(pointer);
  return success;
}

static bool isPinned(const void* pointer, size_t bytes) {
  auto& pinned = state().pinned;
  auto after = pinned.upper_bound(const_cast<void*>(pointer));
  if (after == pinned.begin()) return false;
  const auto& [start, size] = *--after;
  const size_t offset = static_cast<size_t>(static_cast<const char*>(pointer) - static_cast<const char*>(start));
  return offset <= size && bytes <= size - offset;
}

Result cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t bytes, Stream stream) {
  KVFOLD_BEGIN(true);
  if (!inMemory(to, bytes)) return problem(invalidValue, "a copy to memory that is not allocated");
  if (!isPinned(from, bytes)) return problem(invalidValue, "an asynchronous copy from memory that is not pinned");
  return enqueue(stream, [=] { memcpy(reinterpret_cast<void*>(to), from, bytes); });
}

Result cuMemcpyDtoHAsync_v2(void* to, Address from, size_t bytes, Stream stream) {
  KVFOLD_BEGIN(true);
  if (!inMemory(from, bytes)) return problem(invalidValue, "a copy from memory that is not allocated");
  if (s.streams.count(stream) > 0 && stream->recording != nullptr && !isPinned(to, bytes)) {
    return problem(900, "a copy to memory that is not pinned cannot be recorded");
  }
  return enqueue(stream, [=] { memcpy(to, reinterpret_cast<const void*>(from), bytes); });
}

Result cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream stream) {
  KVFOLD_BEGIN(true);
  if (!inMemory(to, bytes) || !inMemory(from, bytes)) return problem(invalidValue, "a copy outside of allocated memory");
  return enqueue(stream, [=] { memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes); });
}

Result cuMemsetD8Async(Address to, unsigned char value, size_t count, Stream stream) {
  KVFOLD_BEGIN(true);
  if (!inMemory(to, count)) return problem(invalidValue, "a fill outside of allocated memory");
  return enqueue(stream, [=] { memset(reinterpret_cast<void*>(to), value, count); });
}

Result cuMemsetD32Async(Address to, unsigned value, size_t count, Stream stream) {
  KVFOLD_BEGIN(true);
  if (!inMemory(to, 4 * count)) return problem(invalidValue, "a fill outside of allocated memory");
  if (to % 4 != 0) return problem(invalidValue, "a fill of words at an address that is not a multiple of 4");
  return enqueue(stream, [=] {
    unsigned* words = reinterpret_cast<unsigned*>(to);
    for (size_t i = 0; i < count; i++) words[i] = value;
  });
}

}  // namespace kvfold::cuda
